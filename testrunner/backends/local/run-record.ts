/**
 * What runs on this computer have made outside their processes, one file for each in a folder of the user: so that the next run
 * finds and removes what one left whose runner was killed and whose guardian too.
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BlockError } from '../../../src/base/errors.ts'
import { processesWith, processOf } from './process-tree.ts'

export interface RunRecord {
  readonly runId: string
  readonly runner: { readonly pid: number; readonly startTicks: number }
  /** Commands that undo what was made, in the order in which they are to be done. */
  readonly undo: readonly (readonly [string, ...string[]])[]
  /** Folders that go with everything in them. */
  readonly folders: readonly string[]
}

/** In the environment of every program of a run. */
export const RUN_VARIABLE = 'SCENARIO_RUN'
const run = promisify(execFile)
const COMMAND_MS = 10_000

/** The folder of records, with `ports/` for the ports that runs have reserved. Only this user may write there. */
export const recordsFolder = (): string => join(tmpdir(), `basalt-scenarios-${userInfo().uid}`)

export class RunRecords {
  readonly #folder: string

  static async open(folder: string): Promise<RunRecords> {
    await mkdir(join(folder, 'ports'), { recursive: true, mode: 0o700 })
    return new RunRecords(folder)
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  get portsFolder(): string {
    return join(this.#folder, 'ports')
  }

  /** IN_USE when a run of that name is going on. */
  async begin(runId: string): Promise<OpenRecord> {
    const path = this.#path(runId)
    const runner = { pid: process.pid, startTicks: processOf(process.pid)?.startTicks ?? 0 }
    const record: RunRecord = { runId, runner, undo: [], folders: [] }
    try {
      await writeFile(path, JSON.stringify(record), { mode: 0o600, flag: 'wx' })
    } catch (cause) {
      throw new BlockError('IN_USE', `there is a run ${runId} already (${path})`, { cause })
    }
    return new OpenRecord(path, record)
  }

  /** Ends and removes what runs left whose runner is no more. Tells `log` what it did. */
  async sweep(log: (text: string) => void): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.json'))
    for (const name of names) {
      const record = await this.#read(name)
      if (record === undefined || processOf(record.runner.pid)?.startTicks === record.runner.startTicks)
        continue
      log(`removing what run ${record.runId} left`)
      await this.#removeLeftovers(record, log)
    }
  }

  async #removeLeftovers(record: RunRecord, log: (text: string) => void): Promise<void> {
    killAll(processesWith(`${RUN_VARIABLE}=${record.runId}`))
    for (const [program, ...args] of record.undo) {
      // its guardian may have done it
      await run(program, args, { timeout: COMMAND_MS }).catch(() => undefined)
    }
    for (const folder of record.folders) {
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) =>
        log(`cannot remove ${folder} (${String(error)})`),
      )
    }
    await this.end(record.runId)
  }

  /** Nothing is left of the run. */
  async end(runId: string): Promise<void> {
    for (const name of await readdir(this.portsFolder)) {
      const path = join(this.portsFolder, name)
      if ((await readFile(path, 'utf8').catch(() => '')) === runId) await rm(path, { force: true })
    }
    await unlink(this.#path(runId)).catch(() => undefined)
  }

  #path(runId: string): string {
    return join(this.#folder, `${runId}.json`)
  }

  async #read(name: string): Promise<RunRecord | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#folder, name), 'utf8')) as RunRecord
    } catch {
      // it went away, or is being written
      return undefined
    }
  }
}

/** The record of a run that goes on. */
export class OpenRecord {
  readonly #path: string
  #record: RunRecord
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, record: RunRecord) {
    this.#path = path
    this.#record = record
  }

  /** Before the thing is made. What was told last is undone first. */
  willUndo(command: readonly [string, ...string[]]): Promise<void> {
    return this.#write({ ...this.#record, undo: [command, ...this.#record.undo] })
  }

  willRemove(folder: string): Promise<void> {
    return this.#write({ ...this.#record, folders: [...this.#record.folders, folder] })
  }

  #write(record: RunRecord): Promise<void> {
    this.#record = record
    this.#writing = this.#writing.then(async () => {
      await writeFile(`${this.#path}.new`, JSON.stringify(this.#record), { mode: 0o600 })
      await rename(`${this.#path}.new`, this.#path)
    })
    return this.#writing
  }
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}
