/**
 * An independent judge of the suite: the NVMe/TCP target of Debian's kernel, in a guest. What it does otherwise than a
 * case demands is listed, with the reason, in `nvmet.json`. Port and name are those of `nvmet-guest.sh`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostPort } from '../../../src/base/address.ts'
import { missingRequirements } from '../../../testrunner/backends/vm/requirements.ts'
import { RIG } from '../../../testrunner/backends/vm/rig.ts'
import { freePorts } from '../../e2e/kernel/fixture/ports.ts'
import { ManagedProcess } from '../../e2e/kernel/fixture/process.ts'

const GUEST_PORT = 4420
const BOOT_MS = 180_000
const LIMIT_SECONDS = 1800

export class NvmetJudge implements AsyncDisposable {
  static readonly nqn = 'nqn.2026-11.org.example:nvmet'
  /** Names of the cases that it is known to fail, and why. */
  static readonly expectedFile = join(import.meta.dirname, 'nvmet.json')
  readonly portal: HostPort
  readonly #rig: ManagedProcess
  readonly #folder: string
  readonly #serving = Promise.withResolvers<boolean>()

  private constructor(port: number) {
    this.portal = { host: '127.0.0.1', port }
    this.#folder = mkdtempSync(join(tmpdir(), 'basalt-nvmet-'))
    this.#rig = new ManagedProcess(
      [
        ...[RIG, 'run', '--timeout', String(LIMIT_SECONDS), '--forward', `${port}:${GUEST_PORT}`],
        ...['--console', this.#console],
        ...[join(import.meta.dirname, 'nvmet-guest.sh'), String(LIMIT_SECONDS)],
      ],
      {
        deathSignal: 'TERM',
        stdoutFile: join(this.#folder, 'guest.out'),
        stderrFile: join(this.#folder, 'guest.err'),
        onLine: (line) => line === 'serving' && this.#serving.resolve(true),
      },
    )
  }

  /** Boots the guest; resolves when the target is there. Throws what is missing, or what the guest said. */
  static async start(): Promise<NvmetJudge> {
    const missing = missingRequirements()
    if (missing.length > 0) throw new Error(missing.join('; '))
    if (spawnSync(RIG, ['build'], { stdio: ['ignore', 2, 2] }).status !== 0)
      throw new Error('the guest cannot be built')
    const [port] = await freePorts(1)
    const judge = new NvmetJudge(port ?? 0)
    const ended = judge.#rig.exitWithin(BOOT_MS).then(() => false)
    if (await Promise.race([judge.#serving.promise, ended])) return judge
    const said = readFileSync(join(judge.#folder, 'guest.err'), 'utf8').trim()
    await judge[Symbol.asyncDispose]()
    throw new Error(`the guest does not serve: ${said}`)
  }

  /** Lines of the guest's kernel that tell of a crash; a judge that crashed has judged nothing. */
  get alarms(): readonly string[] {
    const lines = readFileSync(this.#console, 'utf8').split('\n')
    return lines.filter((line) => /BUG:|Oops|Call Trace|general protection/.test(line))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig.end('SIGTERM', 10_000)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #console(): string {
    return join(this.#folder, 'console.log')
  }
}
