/** The targets that are measured, each with one unit of the same size on the same file system. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MIB } from '../../src/base/units.ts'
import { freePorts } from '../../test/e2e/kernel/fixture/ports.ts'
import { BasaltProcess } from '../../test/e2e/target/support/process.ts'
import { TASKSET, TGTADM, TGTD } from './programs.ts'

export interface ServedTarget {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** Brings what was written to where it stays, so that it is not done at somebody else's expense. */
  settle(): Promise<void>
  /** Reads all files of the target, so that the page cache has them. */
  warm(): void
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

const VOLUME = 'bench'
const PEER_NAME = 'iqn.2026-11.org.example:peer'
const PEER_TRIES = 100

export interface ServedBasalt extends ServedTarget {
  readonly process: BasaltProcess
  /** The same volume over NVMe/TCP. */
  readonly nvmeUrl: string
}

export async function startBasalt(
  { directory, sizeBytes, cpu }: ServerOptions,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServedBasalt> {
  const data = join(directory, 'basalt')
  const child = new BasaltProcess(
    [
      ...['target', '--data', data, '--volume', VOLUME, '--size', String(sizeBytes)],
      ...['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-level', 'warn'],
    ],
    environment,
  )
  const { pid, iscsi, iqn, nvme, nqn, admin } = await child.ready()
  pin(pid, cpu)
  return {
    name: 'basalt',
    url: `iscsi://${iscsi}/${iqn}/0`,
    nvmeUrl: `nvme://${nvme}/${nqn}`,
    pid,
    process: child,
    async settle() {
      const { ok, status } = await fetch(`http://${admin}/block/volumes/${VOLUME}/checkpoint`, {
        method: 'POST',
      })
      if (!ok) throw new Error(`the checkpoint was answered with ${status}`)
    },
    warm: () => readAll(data),
    async stop() {
      await child.stop()
    },
    kill: () => child.signal('SIGKILL'),
  }
}

/** `tgtd` with a plain file and the page cache (`rdwr`): SYNCHRONIZE CACHE and FUA call fdatasync. */
export async function startTgt({ directory, sizeBytes, cpu }: ServerOptions): Promise<ServedTarget> {
  const own = join(directory, 'tgt')
  const file = join(own, 'image')
  mkdirSync(own, { recursive: true })
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
  const unit = ['--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-b', file, '--bstype', 'rdwr']
  admin('--op', 'new', ...unit)
  admin('--op', 'bind', ...target, '-I', 'ALL')
  const pid = child.pid ?? 0
  pin(pid, cpu)
  return {
    name: 'tgt',
    url: `iscsi://127.0.0.1:${port}/${PEER_NAME}/1`,
    pid,
    async settle() {
      withFile(file, 'r+', fsyncSync)
    },
    warm: () => readAll(own),
    async stop() {
      // It does not heed SIGTERM while it has targets, and its file goes with the directory.
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

function readAll(directory: string): void {
  const buffer = new Uint8Array(MIB)
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    withFile(join(entry.parentPath, entry.name), 'r', (fd) => {
      while (readSync(fd, buffer) > 0);
    })
  }
}

function withFile(path: string, flags: 'r' | 'r+', use: (fd: number) => void): void {
  const fd = openSync(path, flags)
  try {
    use(fd)
  } finally {
    closeSync(fd)
  }
}
