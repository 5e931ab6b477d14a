/**
 * One volume behind both front ends, in a process of its own: what `bench/nvme.ts` measures. Says where it serves by a
 * message to its parent, and is told by messages: `settle` brings what was written to where it stays, `stop` ends it.
 */
import { formatHostPort } from '../../src/base/address.ts'
import { silentLogger } from '../../src/base/log.ts'
import { OPEN_ACCESS } from '../../src/frontend/access.ts'
import { FrontendVolume } from '../../src/frontend/volume.ts'
import { RealNet } from '../../src/io/net.ts'
import { IscsiTarget } from '../../src/iscsi/target/iscsi-target.ts'
import { NvmeTarget } from '../../src/nvme/target/nvme-target.ts'
import { Workbench } from '../engine/workbench.ts'

export interface Served {
  readonly iscsi: string
  readonly nvme: string
}

const IQN = 'iqn.2026-11.io.basalt:bench'
const NQN = 'nqn.2026-11.io.basalt:bench'
const LOOPBACK = { host: '127.0.0.1', port: 0 }

const [directory = '.', sizeBytes = '0'] = process.argv.slice(2)
const bench = Workbench.open(directory)
const { volume } = await bench.volume({ sizeBytes: Number(sizeBytes), logicalBlockBytes: 512 })
const { clock, random, pool } = bench.ports
const frontend = new FrontendVolume({
  device: volume,
  access: OPEN_ACCESS,
  after: 'power-loss',
  clock,
  logger: silentLogger,
})
const ports = { net: new RealNet(), clock, random, pool, logger: silentLogger }
const iscsi = new IscsiTarget(ports)
const nvme = new NvmeTarget(ports)
iscsi.addVolume({ iqn: IQN, volume: frontend })
nvme.addVolume({ nqn: NQN, volume: frontend })
const served: Served = {
  iscsi: `iscsi://${formatHostPort(await iscsi.listen(LOOPBACK))}/${IQN}/0`,
  nvme: `nvme://${formatHostPort(await nvme.listen(LOOPBACK))}/${NQN}`,
}
process.on('message', (message) => {
  if (message === 'settle') void volume.checkpoint().then(() => process.send?.('settled'))
  else void stop()
})
process.on('disconnect', () => process.exit(1))
process.send?.(served)

async function stop(): Promise<void> {
  await iscsi.close()
  await nvme.close()
  frontend.close()
  await volume.close()
  bench.close()
  process.exit(0)
}
