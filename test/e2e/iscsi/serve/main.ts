/**
 * Serves a volume in memory over iSCSI, to try initiators against by hand:
 *
 *     node test/e2e/iscsi/serve/main.ts [--port 23260] [--size-mib 256] [--block 512] [--chap USER:SECRET]
 */
import { parseArgs } from 'node:util'
import type { Logger } from '../../../../src/base/log.ts'
import { MIB } from '../../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../../src/frontend/access.ts'
import { Secret } from '../../../../src/frontend/secret.ts'
import { FrontendVolume } from '../../../../src/frontend/volume.ts'
import { RealClock } from '../../../../src/io/clock.ts'
import { RealNet } from '../../../../src/io/net.ts'
import { RealRandom } from '../../../../src/io/random.ts'
import { plainSyscalls } from '../../../../src/io/syscalls.ts'
import { IscsiTarget } from '../../../../src/iscsi/target/iscsi-target.ts'
import { MemoryDevice } from '../memory-device.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '23260' },
    'size-mib': { type: 'string', default: '256' },
    block: { type: 'string', default: '512' },
    chap: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

const say = (event: string, facts?: object): void => console.error(JSON.stringify({ event, ...facts }))
const quiet = (): void => undefined
const logger: Logger = {
  debug: values.verbose ? say : quiet,
  info: values.verbose ? say : quiet,
  warn: say,
  error: say,
}

const clock = new RealClock({ syscalls: plainSyscalls })
const [user, secret] = values.chap?.split(':') ?? []
const device = new MemoryDevice({
  sizeBytes: Number(values['size-mib']) * MIB,
  logicalBlockBytes: values.block === '4096' ? 4096 : 512,
})
const volume = new FrontendVolume({
  device,
  after: 'power-loss',
  clock,
  logger,
  access:
    user !== undefined && secret !== undefined
      ? { ...OPEN_ACCESS, chap: [{ user, secret: Secret.fromText(secret) }] }
      : OPEN_ACCESS,
})
const target = new IscsiTarget({
  net: new RealNet(),
  clock,
  random: new RealRandom(),
  logger,
})
target.addVolume({ iqn: 'iqn.2026-11.io.basalt:memory', volume, alias: 'memory' })
const { host, port } = await target.listen({ host: '127.0.0.1', port: Number(values.port) })
console.log(
  JSON.stringify({
    ready: true,
    pid: process.pid,
    url: `iscsi://${host}:${port}/iqn.2026-11.io.basalt:memory/0`,
  }),
)
process.on('SIGTERM', () => void target.close({ drainMs: 500 }).then(() => process.exit(0)))
process.on('SIGINT', () => void target.close().then(() => process.exit(0)))
