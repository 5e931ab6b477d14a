/**
 * The part of a place that is this computer: folders, programs, limited file systems, and what remains of them when the runner
 * dies. What lies between the machines is for who opens it.
 */
import { mkdir, rm } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../../src/base/ports/random.ts'
import { machineNames } from '../../model/machine-names.ts'
import type { ValueMap } from '../../model/value.ts'
import type { PlaceRequest } from '../backend.ts'
import { DATA_FOLDER } from '../names.ts'
import { type Command, runCommand } from './command.ts'
import { Guardian, quoted } from './guardian.ts'
import { LocalMachine } from './local-machine.ts'
import { Ports } from './ports.ts'
import { processesWith } from './process-tree.ts'
import { killAll, type OpenRecord, RUN_VARIABLE, RunRecords, recordsFolder } from './run-record.ts'

/** The product as it is in this repository. */
const BASALT = fileURLToPath(new URL('../../../basalt', import.meta.url))

export interface ComputerOptions {
  /** The command of the product under test; else the one in this repository. */
  readonly basalt?: readonly string[]
  /** Where records of runs are kept; else a folder of the user's below the system's for temporary files. */
  readonly recordsFolder?: string
  readonly random: Random
}

/** How a machine is told apart from its neighbours. */
export interface Berth {
  readonly address: string
  readonly prefix: readonly string[]
  /** Undefined: ports of this computer. */
  readonly ports?: (count: number) => Promise<readonly number[]>
}

export class ComputerPlace {
  readonly machines = new Map<string, LocalMachine>()
  readonly record: OpenRecord
  readonly guardian = new Guardian()
  readonly #request: PlaceRequest
  readonly #records: RunRecords
  readonly #undo: Command[] = []

  /** Sweeps up after runs that died, first. IN_USE as of `RunRecords.begin`. */
  static async open(request: PlaceRequest, options: ComputerOptions): Promise<ComputerPlace> {
    const records = await RunRecords.open(options.recordsFolder ?? recordsFolder())
    await records.sweep(request.log)
    const record = await records.begin(request.runId)
    return new ComputerPlace(request, records, record)
  }

  private constructor(request: PlaceRequest, records: RunRecords, record: OpenRecord) {
    this.#request = request
    this.#records = records
    this.record = record
  }

  /** Makes every machine of the topology. `berthOf`: where it stands. */
  async addMachines(options: ComputerOptions, berthOf: (name: string) => Berth): Promise<void> {
    const { runId, topology, directory } = this.#request
    const ports = new Ports(
      (name) => this.claim(name),
      (name) => this.#records.release(name),
      options.random,
    )
    for (const name of machineNames(topology)) {
      const folder = join(directory, name)
      await this.record.willRemove(folder)
      await mkdir(folder, { recursive: true })
      const { address, prefix, ports: own } = berthOf(name)
      const machine = new LocalMachine({
        ...{ name, address, prefix, directory: folder, runId, guardian: this.guardian },
        basalt: options.basalt ?? [BASALT],
        ports: own ?? ((count) => ports.reserve(count)),
      })
      this.machines.set(name, machine)
      const sizeBytes = topology.diskBytes[name]
      if (sizeBytes !== undefined) await this.#limitDisk(machine, sizeBytes)
    }
  }

  /** Does `command`, and `undo` at the end of the place, however it ends. DISK when it fails. */
  async make(command: Command, undo: Command): Promise<void> {
    await this.record.willUndo(undo)
    this.guardian.undo(undo.map(quoted).join(' '))
    await runCommand(command)
    this.#undo.unshift(undo)
  }

  /** A thing that is one of its kind on this computer, such as a subnet: whether it was free, and is this run's now. */
  claim(name: string): Promise<boolean> {
    return this.#records.claim(name, this.#request.runId)
  }

  get facts(): ValueMap {
    return { kernel: release(), node: process.version }
  }

  /** Ends and removes everything. Does not reject. */
  async close(keepFiles: boolean): Promise<void> {
    const { log, runId } = this.#request
    const tell = (what: string) => (error: unknown) =>
      log(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    await Promise.all([...this.machines.values()].map((machine) => machine.close())).catch(
      tell('cannot end every program'),
    )
    killAll(processesWith(`${RUN_VARIABLE}=${runId}`))
    for (const command of this.#undo) await runCommand(command).catch(tell('cannot undo'))
    if (!keepFiles) {
      for (const machine of this.machines.values()) {
        await rm(machine.path(), { recursive: true, force: true }).catch(
          tell(`cannot remove ${machine.path()}`),
        )
      }
    }
    await this.guardian.dismiss()
    await this.#records.end(runId).catch(tell('cannot remove the record of the run'))
  }

  async #limitDisk(machine: LocalMachine, sizeBytes: number): Promise<void> {
    const path = machine.path(DATA_FOLDER)
    await mkdir(path, { recursive: true })
    await this.make(
      ['mount', '-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, `scenario-${this.#request.runId}`, path],
      ['umount', '-l', path],
    )
  }
}
