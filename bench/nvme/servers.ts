/** The two front ends of one volume in one process, as two targets to be measured against each other. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pin, readAll, type ServedTarget, type ServerOptions } from '../iscsi/servers.ts'
import type { Served } from './serve.ts'

/** NVMe/TCP first, then iSCSI; either of them settles, warms and ends both. */
export async function startBoth({
  directory,
  sizeBytes,
  cpu,
}: ServerOptions): Promise<readonly [ServedTarget, ServedTarget]> {
  const data = join(directory, 'both')
  const child = fork(join(import.meta.dirname, 'serve.ts'), [data, String(sizeBytes)])
  const exited = once(child, 'exit')
  const [served] = (await Promise.race([once(child, 'message'), exited])) as [Served | number]
  if (typeof served === 'number') throw new Error(`the target ended with ${served}`)
  const pid = child.pid ?? 0
  pin(pid, cpu)
  const target = (name: string, url: string): ServedTarget => ({
    name,
    url,
    pid,
    async settle() {
      const settled = once(child, 'message')
      child.send('settle')
      await settled
    },
    warm: () => readAll(data),
    async stop() {
      if (child.connected) child.send('stop')
      await exited
    },
    kill: () => void child.kill('SIGKILL'),
  })
  return [target('nvme', served.nvme), target('iscsi', served.iscsi)]
}
