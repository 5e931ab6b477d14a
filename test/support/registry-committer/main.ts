/**
 * A process for tests to kill: commits pairs of equal records to the registry at argv[2], each with `argv[3]` bytes of
 * ballast, and prints the number of each pair when it is acknowledged. Ends at the first error, with its code and that
 * of one more attempt.
 */
import fs from 'node:fs'
import { BlockError } from '../../../src/base/errors.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealDisk } from '../../../src/io/disk.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { loadSyscalls } from '../../../src/io/syscalls.ts'
import { SqliteRegistry } from '../../../src/master/registry/sqlite-registry.ts'

const syscalls = loadSyscalls((reason) => {
  throw reason
})
const registry = await SqliteRegistry.open({
  path: process.argv[2] ?? '',
  disk: new RealDisk({ syscalls }),
  random: new RealRandom(),
  clock: new RealClock({ syscalls }),
})
const ballast = 'x'.repeat(Number(process.argv[3] ?? 0))
const [record] = await registry.read('pair/')

let n = Number(record?.value.n ?? 0)
let failures = 0
while (failures < 2) {
  n++
  const value = { n, ballast }
  try {
    const writes = [
      { key: 'pair/a', value },
      { key: 'pair/b', value },
    ]
    await registry.commit({ checks: [], writes })
    fs.writeSync(1, `${n}\n`)
  } catch (error) {
    if (!(error instanceof BlockError)) throw error
    fs.writeSync(1, `${error.code}\n`)
    failures++
  }
}
