/** The two targets that `bench/iscsi.ts` compares, each with one unit of the same size on the same file system. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePorts } from '../test/e2e/kernel/fixture/ports.ts'
import { BasaltProcess } from '../test/e2e/target/support/process.ts'

export interface ServedTarget {
  readonly name: string
  readonly url: string
  stop(): Promise<void>
  /** Ends it at once, without waiting; also after `stop`. */
  kill(): void
}

export interface ServerOptions {
  readonly directory: string
  readonly sizeBytes: number
  /** The core that the target runs on. */
  readonly cpu: number
}

/** Programs that must be on this host, and the Debian packages that bring them. */
const TGTD = 'tgtd'
const TGTADM = 'tgtadm'
export const TASKSET = 'taskset'
export const PROGRAMS = { [TGTD]: 'tgt', [TGTADM]: 'tgt', [TASKSET]: 'util-linux' } as const

const PEER_NAME = 'iqn.2026-11.org.example:peer'
const PEER_TRIES = 100

export async function startBasalt({ directory, sizeBytes, cpu }: ServerOptions): Promise<ServedTarget> {
  const child = new BasaltProcess([
    ...['target', '--data', join(directory, 'basalt'), '--volume', 'bench', '--size', String(sizeBytes)],
    ...['--iscsi', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-level', 'warn'],
  ])
  const { pid, iscsi, iqn } = await child.ready()
  pin(pid, cpu)
  return {
    name: 'basalt',
    url: `iscsi://${iscsi}/${iqn}/0`,
    async stop() {
      await child.stop()
    },
    kill: () => child.signal('SIGKILL'),
  }
}

/** `tgtd` with a plain file and the page cache (`rdwr`): SYNCHRONIZE CACHE and FUA call fdatasync. */
export async function startTgt({ directory, sizeBytes, cpu }: ServerOptions): Promise<ServedTarget> {
  const file = join(directory, 'tgt.img')
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, '')
  truncateSync(file, sizeBytes)
  const [port, control] = (await freePorts(2)) as [number, number]
  const child = spawn(TGTD, ['-f', '-C', String(control), '--iscsi', `portal=127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const admin = (...args: string[]): void => {
    execFileSync(TGTADM, ['-C', String(control), '--lld', 'iscsi', ...args], { stdio: 'pipe' })
  }
  // Its control socket is there when the daemon has said its first words.
  await Promise.race([once(createInterface({ input: child.stderr }), 'line'), exited])
  child.stderr.resume()
  child.stdout.resume()
  const target = ['--mode', 'target', '--tid', '1']
  untilItWorks(() => admin('--op', 'new', ...target, '-T', PEER_NAME))
  admin(
    ...['--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-b', file, '--bstype', 'rdwr'],
  )
  admin('--op', 'bind', ...target, '-I', 'ALL')
  pin(child.pid ?? 0, cpu)
  return {
    name: 'tgt',
    url: `iscsi://127.0.0.1:${port}/${PEER_NAME}/1`,
    async stop() {
      // Nothing of what it holds is of use: its file goes with the directory.
      child.kill('SIGKILL')
      await exited
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

function untilItWorks(action: () => void): void {
  for (let left = PEER_TRIES; ; left--) {
    try {
      action()
      return
    } catch (error) {
      if (left === 0) throw new Error('tgtd does not answer tgtadm', { cause: error })
    }
  }
}

/** Binds all threads of a process, and those that they will make, to one core. */
function pin(pid: number, cpu: number): void {
  execFileSync(TASKSET, ['--all-tasks', '--cpu-list', '--pid', String(cpu), String(pid)], { stdio: 'pipe' })
}
