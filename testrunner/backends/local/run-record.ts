/**
 * What runs on this computer have made outside their processes, one file for each in a folder of the user: so that the next run
 * finds and removes what one left whose runner was killed and whose guardian too.
 */
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import { type Command, runCommand } from './command.ts'
import { processesWith, processOf } from './process-tree.ts'

export interface RunRecord {
  readonly runId: string
  readonly runner: { readonly pid: number; readonly startTicks: number }
  /** Commands that undo what was made, in the order in which they are to be done. */
  readonly undo: readonly Command[]
  /** Folders that go with everything in them. */
  readonly folders: readonly string[]
}

const CLAIMS = 'claims'
/** In the environment of every program of a run. */
export const RUN_VARIABLE = 'SCENARIO_RUN'

/** The folder of records, with `claims/` for what runs have of what there is once. Only this user may write there. */
export const recordsFolder = (): string => join(tmpdir(), `basalt-scenarios-${userInfo().uid}`)

export class RunRecords {
  readonly #folder: string

  static async open(folder: string): Promise<RunRecords> {
    await mkdir(join(folder, CLAIMS), { recursive: true, mode: 0o700 })
    return new RunRecords(folder)
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Whether `name`, a thing that is there once on this computer, was free and is that run's now. */
  async claim(name: string, runId: string): Promise<boolean> {
    try {
      await writeFile(join(this.#folder, CLAIMS, name), runId, { flag: 'wx' })
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
      throw error
    }
  }

  async release(name: string): Promise<void> {
    await rm(join(this.#folder, CLAIMS, name), { force: true })
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
    // its guardian may have done it
    for (const command of record.undo) await runCommand(command).catch(() => undefined)
    for (const folder of record.folders) {
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) =>
        log(`cannot remove ${folder} (${String(error)})`),
      )
    }
    await this.end(record.runId)
  }

  /** Nothing is left of the run. */
  async end(runId: string): Promise<void> {
    const claims = join(this.#folder, CLAIMS)
    for (const name of await readdir(claims)) {
      if ((await readFile(join(claims, name), 'utf8').catch(() => '')) === runId) await this.release(name)
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
  willUndo(command: Command): Promise<void> {
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
