import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clock, net, OwnTarget } from '../../../test/conformance/nvme/target.ts'
import { TwoPaths } from '../../../test/conformance/nvme/two-paths.ts'
import { volumeOver } from '../../../test/e2e/iscsi/fixture.ts'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { CutNet } from '../../../test/support/cut-net.ts'
import { silentLogger } from '../../base/log.ts'
import { MIB } from '../../base/units.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import { RealRandom } from '../../io/random.ts'
import { IoOpcode } from '../commands.ts'
import { NvmeTarget } from '../target/nvme-target.ts'
import { blockRequest } from './block-client.ts'
import { NvmeHostController } from './host-controller.ts'
import { NvmeMultipath } from './multipath.ts'
import { AnaState } from './pages.ts'

const NQN = 'nqn.2026-11.io.basalt:shared'
const HOST = {
  hostId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  hostNqn: 'nqn.2014-08.org.nvmexpress:uuid:01020304-0506-0708-090a-0b0c0d0e0f10',
}

const device = (): MemoryDevice => new MemoryDevice({ sizeBytes: MIB })
let paths: TwoPaths
let volume: FrontendVolume
let targets: readonly [NvmeTarget, NvmeTarget]
let portals: readonly { host: string; port: number }[]
let multipath: NvmeMultipath
const controllers: NvmeHostController[] = []

beforeEach(async () => {
  const shared = device()
  paths = new TwoPaths(shared)
  volume = volumeOver(shared)
  const make = (): NvmeTarget =>
    new NvmeTarget({ net, clock, random: new RealRandom(), logger: silentLogger })
  targets = [make(), make()]
  targets[0].addVolume({ nqn: NQN, volume, slot: 0, paths })
  targets[1].addStandby({ nqn: NQN, paths, access: OPEN_ACCESS, slot: 1 })
  portals = await Promise.all(targets.map((target) => target.listen({ host: '127.0.0.1', port: 0 })))
  multipath = new NvmeMultipath({ clock, retryMs: 5_000 })
  for (const portal of portals) {
    const ports = { net, clock, portal, subsystemNqn: NQN, ...HOST }
    const controller: NvmeHostController = await NvmeHostController.connect({
      ...ports,
      events: { anaChanged: (log) => multipath.changed(controller, log) },
    })
    controllers.push(controller)
    await multipath.add(controller)
  }
})

afterEach(async () => {
  multipath.close()
  for (const controller of controllers.splice(0)) controller.close()
  for (const target of targets) await target.close()
  volume.close()
})

const write = (lba: number) =>
  multipath.execute(
    blockRequest(IoOpcode.write, { lba, blocks: 1 }, { dataOut: new Uint8Array(512).fill(lba) }),
  )

async function contentAt(lba: number): Promise<number> {
  const dataIn = new Uint8Array(512)
  const { status } = await multipath.execute(blockRequest(IoOpcode.read, { lba, blocks: 1 }, { dataIn }))
  expect(status).toBe(0)
  return dataIn[0]!
}

describe('a namespace over several paths', () => {
  it('is used where it is served', async () => {
    expect(multipath.paths.map(({ anaState }) => anaState)).toEqual([
      AnaState.optimized,
      AnaState.inaccessible,
    ])
    for (let lba = 1; lba < 20; lba++) expect((await write(lba)).status).toBe(0)
    expect(await contentAt(7)).toBe(7)
    expect(controllers[1]!.outstanding).toBe(0)
  })

  it('is used on the other path when the first server is gone, and no command fails', async () => {
    const writes = Array.from({ length: 40 }, (_, lba) => write(lba + 1))
    await targets[0].close()
    const late = [write(50), write(51)]
    paths.become('unavailable', 'active')
    await targets[1].activate({ nqn: NQN, volume })
    for (const { status } of await Promise.all([...writes, ...late])) expect(status).toBe(0)
    expect(await contentAt(51)).toBe(51)
    expect(multipath.paths.map(({ anaState }) => anaState)).toEqual([AnaState.optimized])
  })

  it('has commands wait while nobody serves, and fails them in the end', async () => {
    await targets[0].close()
    const short = new NvmeMultipath({ clock, retryMs: 300 })
    await short.add(controllers[1]!)
    await expect(short.execute({ opcode: IoOpcode.flush, nsid: 1 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
    })
    short.close()
    await expect(short.execute({ opcode: IoOpcode.flush, nsid: 1 })).rejects.toMatchObject({
      code: 'DISCONNECTED',
    })
  })
})

it('a path that says nothing holds up nobody who waits for another', async () => {
  const silent = new CutNet(net)
  const ports = { net: silent, clock, portal: portals[1]!, subsystemNqn: NQN, ...HOST }
  const deaf = await NvmeHostController.connect({ ...ports, keepAliveMs: 0 })
  const short = new NvmeMultipath({ clock, retryMs: 400 })
  await short.add(deaf)
  await short.add(controllers[1]!)
  for (const connection of silent.connections) connection.isCutting = true
  const flush = { opcode: IoOpcode.flush, nsid: 1 }
  await expect(short.execute(flush)).rejects.toMatchObject({ code: 'TIMED_OUT' })
  short.close()
  deaf.close()
})

it('two controllers of one subsystem share the load', async () => {
  const own = await OwnTarget.start()
  const both = new NvmeMultipath({ clock, retryMs: 1_000 })
  const made: NvmeHostController[] = []
  for (let i = 0; i < 2; i++) {
    const ports = { net, clock, portal: own.portal, subsystemNqn: 'nqn.2026-11.io.basalt:scratch', ...HOST }
    const controller = await NvmeHostController.connect(ports)
    made.push(controller)
    await both.add(controller)
  }
  own.device.hold()
  const flushes = Array.from({ length: 8 }, () => both.execute({ opcode: IoOpcode.flush, nsid: 1 }))
  expect(made.map(({ outstanding }) => outstanding)).toEqual([4, 4])
  own.device.letGo()
  await Promise.all(flushes)
  both.close()
  for (const controller of made) await controller.disconnect()
  await own[Symbol.asyncDispose]()
})
