import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clock, NQN, net, OwnTarget } from '../../../test/conformance/nvme/target.ts'
import { until } from '../../../test/e2e/iscsi/fixture.ts'
import { NvmeBlockClient } from './block-client.ts'
import { discover, readDiscoveryLog } from './discover.ts'
import { anaLog } from './events.ts'
import { type NvmeConnectOptions, NvmeHostController } from './host-controller.ts'
import { AnaState } from './pages.ts'

const HOST_ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const HOST_NQN = 'nqn.2014-08.org.nvmexpress:uuid:01020304-0506-0708-090a-0b0c0d0e0f10'

let own: OwnTarget
const opened: NvmeHostController[] = []

beforeEach(async () => {
  own = await OwnTarget.start()
})
afterEach(async () => {
  for (const controller of opened.splice(0)) controller.close()
  await own[Symbol.asyncDispose]()
})

async function connect(options: Partial<NvmeConnectOptions> = {}): Promise<NvmeHostController> {
  const controller = await NvmeHostController.connect({
    ...{ net, clock, portal: own.portal, hostId: HOST_ID, hostNqn: HOST_NQN, subsystemNqn: NQN },
    ...options,
  })
  opened.push(controller)
  return controller
}

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff)

describe('a host and its controller', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('moves data of any length, header digest %s, data digest %s', async (headerDigest, dataDigest) => {
    const controller = await connect({ headerDigest, dataDigest, queues: 2 })
    const client = new NvmeBlockClient(controller)
    const { logicalBlockBytes } = await client.identify()
    for (const blocks of [1, 8, 33, 2048]) {
      const data = bytes(blocks * logicalBlockBytes, blocks)
      await client.write({ lba: 100, blocks }, data, { fua: blocks === 8 })
      const back = new Uint8Array(data.byteLength)
      await client.read({ lba: 100, blocks }, back)
      expect(Buffer.compare(back, data)).toBe(0)
    }
    await client.flush()
    expect(controller.ioQueues).toHaveLength(2)
  })

  it('has the commands of the NVM command set', async () => {
    const client = new NvmeBlockClient(await connect())
    const one = bytes(4096, 1)
    const other = bytes(4096, 2)
    const range = { lba: 8, blocks: 8 }
    await client.write(range, one)
    expect(await client.compare(range, one)).toBe(true)
    expect(await client.compare(range, other)).toBe(false)
    expect(await client.compareAndWrite(range, { expected: other, data: one })).toEqual({ equal: false })
    expect(await client.compareAndWrite(range, { expected: one, data: other })).toEqual({ equal: true })
    expect(await client.compare(range, other)).toBe(true)
    await client.writeZeroes({ lba: 8, blocks: 4 }, { deallocate: true })
    await client.deallocate([{ lba: 12, blocks: 4 }])
    expect(await client.compare(range, new Uint8Array(4096))).toBe(true)
  })

  it('gives errors their codes', async () => {
    const client = new NvmeBlockClient(await connect())
    const { blocks } = await client.identify()
    const target = new Uint8Array(512)
    await expect(client.read({ lba: blocks, blocks: 1 }, target)).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
    })
    await expect(connect({ subsystemNqn: 'nqn.2026-11.org.example:nobody' })).rejects.toMatchObject({
      code: 'PROTOCOL',
      facts: { status: 0x4182 },
    })
  })

  it('keeps reservations between hosts', async () => {
    const client = new NvmeBlockClient(await connect())
    const hostId = HOST_ID.map((byte) => byte + 100)
    const hostNqn = 'nqn.2014-08.org.nvmexpress:uuid:65666768-696a-6b6c-6d6e-6f7071727374'
    const other = new NvmeBlockClient(await connect({ hostId, hostNqn }))
    await client.reservationRegister({ action: 0, current: 0n, key: 7n })
    await client.reservationAcquire({ action: 0, type: 1, current: 7n })
    await expect(other.write({ lba: 0, blocks: 1 }, new Uint8Array(512))).rejects.toMatchObject({
      code: 'RESERVATION_CONFLICT',
    })
    expect((await client.reservationReport())[4]).toBe(1)
    await client.reservationRelease({ action: 0, type: 1, current: 7n })
    await other.write({ lba: 0, blocks: 1 }, new Uint8Array(512))
  })

  it('has more commands under way than its queue has room for', async () => {
    const controller = await connect({ queueDepth: 3 })
    const client = new NvmeBlockClient(controller)
    const reads = Array.from({ length: 50 }, (_, lba) => client.read({ lba, blocks: 1 }, new Uint8Array(512)))
    await Promise.all(reads)
    expect(controller.outstanding).toBe(0)
  })

  it('tells the end of the connection to everything that is outstanding', async () => {
    const controller = await connect()
    const client = new NvmeBlockClient(controller)
    own.device.hold()
    const write = client.write({ lba: 0, blocks: 1 }, new Uint8Array(512))
    const outcome = write.then(
      () => 'done',
      ({ code }) => code,
    )
    await until(() => own.device.waiting > 0)
    const closing = own.target.close()
    expect(await outcome).toBe('DISCONNECTED')
    own.device.letGo()
    await closing
    expect((await controller.closed).code).toBe('DISCONNECTED')
    expect(controller.isOpen).toBe(false)
    await expect(client.flush()).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })

  it('shuts down in order, and once', async () => {
    const controller = await connect()
    await controller.disconnect()
    await controller.disconnect()
    await until(() => own.target.sessions().length === 0)
    expect((await controller.closed).code).toBe('DISCONNECTED')
  })

  it('stays while keep alive is answered', async () => {
    const controller = await connect({ keepAliveMs: 1_000 })
    await clock.sleep(3_500)
    expect(controller.isOpen).toBe(true)
  })
})

describe('discovery', () => {
  it('lists what there is, and tells of changes', async () => {
    const options = { net, clock, portal: own.portal, hostId: HOST_ID, hostNqn: HOST_NQN }
    const entries = await discover(options)
    expect(entries.map(({ subsystemNqn }) => subsystemNqn)).toContain(NQN)
    const changed = Promise.withResolvers<void>()
    const controller = await NvmeHostController.connect({
      ...options,
      events: { discoveryChanged: () => changed.resolve() },
    })
    opened.push(controller)
    const before = await readDiscoveryLog(controller)
    const remove = await own.addVolume('nqn.2026-11.io.basalt:another')
    await changed.promise
    const after = await readDiscoveryLog(controller)
    expect(after.generation).toBeGreaterThan(before.generation)
    expect(after.entries.length).toBe(before.entries.length + 1)
    await remove()
  })
})

describe('asymmetric access', () => {
  it('is told by the log', async () => {
    const { groups } = await anaLog(await connect())
    expect(groups).toEqual([{ group: 1, state: AnaState.optimized, namespaces: [1] }])
  })
})
