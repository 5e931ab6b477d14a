/**
 * A runner that is to be killed: `BACKEND RECORDS DIRECTORY RUN-ID`. Prints the pids of its guardian and of its programs when
 * everything is there, and waits.
 */

import { runningProcesses } from '../backends/local/process-tree.ts'
import { openBackend, type TriedBackend, topologyOf } from './open-backend.ts'

const [name = '', recordsFolder = '', directory = '', runId = ''] = process.argv.slice(2)
const isRoot = process.getuid?.() === 0
const place = await openBackend(name as TriedBackend, recordsFolder).open(
  {
    ...{ runId, directory, log: () => undefined },
    topology: topologyOf({ servers: 1, ...(isRoot && { diskBytes: { s1: 1024 * 1024 } }) }),
  },
  new AbortController().signal,
)
const s1 = place.machines.get('s1')
const program = await s1?.spawn(['sh', '-c', 'sleep 1000 & echo $!; kill -STOP $$'])
const child = await new Promise<string>((resolve) => {
  program?.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))
})
const guardians = runningProcesses().filter(
  ({ pid, parent }) => parent === process.pid && pid !== Number(child),
)
process.stdout.write(
  `${JSON.stringify({ child: Number(child), children: guardians.map(({ pid }) => pid) })}\n`,
)
setInterval(() => undefined, 1000)
