import { describe, expect, it } from 'vitest'
import {
  HOST_NQN,
  NQN,
  NvmeTargetHarness,
  PORTAL,
  TestPaths,
  turn,
} from '../../../test/e2e/nvme/target-harness.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { IoOpcode } from '../commands.ts'
import { blockRequest, NvmeBlockClient } from '../initiator/block-client.ts'
import { discover } from '../initiator/discover.ts'
import { anaLog } from '../initiator/events.ts'
import { type AnaLog, AnaState } from '../initiator/pages.ts'
import { STATUS } from '../status.ts'

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >>> 8)) & 0xff)

describe('a volume over NVMe/TCP', () => {
  for (const digests of [
    { headerDigest: false, dataDigest: false },
    { headerDigest: true, dataDigest: true },
  ]) {
    it(`reads what was written, of every length, digests ${digests.dataDigest ? 'on' : 'off'}`, async () => {
      const h = await new NvmeTargetHarness().serve()
      const controller = await h.connect({ queues: 2, ...digests })
      const client = new NvmeBlockClient(controller)
      for (const [i, blocks] of [1, 8, 16, 32, 33, 256, 2048].entries()) {
        const data = bytes(blocks * 512, i)
        await client.write({ lba: i * 2048, blocks }, data)
        const back = new Uint8Array(blocks * 512)
        await client.read({ lba: i * 2048, blocks }, back)
        expect(Buffer.compare(back, data)).toBe(0)
      }
      await client.flush()
      await controller.disconnect()
      await h.target.close()
      expect([h.pool.lentBytes, h.target.bytesInFlight, h.target.sessions().length]).toEqual([0, 0, 0])
    })
  }

  it('many commands at once on several queues of several hosts', async () => {
    const h = await new NvmeTargetHarness().serve()
    const hosts = await Promise.all(
      [1, 2, 3].map((n) =>
        h.connect({ queues: 4, hostId: new Uint8Array(16).fill(n), hostNqn: `${HOST_NQN}${n}` }),
      ),
    )
    await Promise.all(
      hosts.flatMap((controller, n) =>
        Array.from({ length: 200 }, async (_, i) => {
          const client = new NvmeBlockClient(controller)
          const range = { lba: (n * 200 + i) * 8, blocks: 8 }
          const data = bytes(4096, n * 200 + i)
          await client.write(range, data)
          const back = new Uint8Array(4096)
          await client.read(range, back)
          expect(Buffer.compare(back, data)).toBe(0)
        }),
      ),
    )
    expect(h.target.sessions().map(({ ioQueues, commands }) => [ioQueues, commands])).toEqual([
      [4, 400],
      [4, 400],
      [4, 400],
    ])
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('a lost volume resets every connection at once', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect()
    h.device.lose('another server leads')
    expect((await controller.closed).code).toBe('DISCONNECTED')
    await h.target.removeVolume(NQN)
    await expect(h.connect()).rejects.toThrow()
  })

  it('an association that ends in the middle of commands leaves nothing behind', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect()
    h.device.hold()
    const client = new NvmeBlockClient(controller)
    const writes = [1, 2, 3].map((i) => client.write({ lba: i * 8, blocks: 8 }, bytes(4096, i)))
    const outcome = Promise.allSettled(writes)
    await turn()
    const removed = h.target.removeVolume(NQN)
    expect((await outcome).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    h.device.letGo()
    await removed
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('Compare and Write, fused', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect()
    const client = new NvmeBlockClient(controller)
    await client.write({ lba: 0, blocks: 1 }, bytes(512, 1))
    const swap = (expected: Uint8Array, data: Uint8Array) =>
      controller.executeFused(
        blockRequest(IoOpcode.compare, { lba: 0, blocks: 1 }, { dataOut: expected }),
        blockRequest(IoOpcode.write, { lba: 0, blocks: 1 }, { dataOut: data }),
      )
    const wrong = await swap(bytes(512, 2), bytes(512, 3))
    expect(wrong.map(({ status }) => status & 0x7ff)).toEqual([
      STATUS.COMPARE_FAILURE,
      STATUS.ABORTED_FAILED_FUSED,
    ])
    const right = await swap(bytes(512, 1), bytes(512, 3))
    expect(right.map(({ status }) => status)).toEqual([0, 0])
    const back = new Uint8Array(512)
    await client.read({ lba: 0, blocks: 1 }, back)
    expect(Buffer.compare(back, bytes(512, 3))).toBe(0)
  })

  it('a volume that grows tells its hosts', async () => {
    const h = await new NvmeTargetHarness().serve()
    const changed = Promise.withResolvers<readonly number[]>()
    const controller = await h.connect({ events: { namespacesChanged: (ids) => changed.resolve(ids) } })
    h.device.grow(32 * 1024 * 1024)
    expect(await changed.promise).toEqual([1])
    expect((await new NvmeBlockClient(controller).identify()).blocks).toBe(65536)
  })

  it('ends hosts that the rules do not admit any more', async () => {
    const h = await new NvmeTargetHarness().serve()
    const [kept, gone] = await Promise.all([h.connect(), h.connect({ hostNqn: `${HOST_NQN}2` })])
    h.volume.setAccess({ ...OPEN_ACCESS, hosts: [HOST_NQN] })
    await gone.closed
    expect([kept.isOpen, gone.isOpen]).toEqual([true, false])
    await expect(h.connect({ hostNqn: `${HOST_NQN}2` })).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })
})

describe('paths', () => {
  const standby = async () => {
    const h = new NvmeTargetHarness()
    await h.target.listen(PORTAL)
    const paths = new TestPaths(h.device.uuid, h.device.sizeBytes, ['standby', 'active'])
    h.target.addStandby({ nqn: NQN, paths, access: OPEN_ACCESS, slot: 0 })
    return { h, paths }
  }
  const read = blockRequest(IoOpcode.read, { lba: 0, blocks: 1 }, { dataIn: new Uint8Array(512) })

  it('a standby path takes connections, and refuses I/O with the state of its group', async () => {
    const { h, paths } = await standby()
    const controller = await h.connect()
    expect((await controller.execute(read)).status).toBe(STATUS.ANA_INACCESSIBLE)
    const log = await anaLog(controller)
    expect(log.groups).toEqual([{ group: 1, state: AnaState.inaccessible, namespaces: [1] }])
    paths.setRoles(['transitioning', 'unavailable'])
    expect((await controller.execute(read)).status).toBe(STATUS.ANA_TRANSITION)
    expect((await anaLog(controller)).changeCount).toBe(log.changeCount + 1)
    const write = blockRequest(IoOpcode.write, { lba: 0, blocks: 2048 }, { dataOut: new Uint8Array(1 << 20) })
    expect((await controller.execute(write)).status).toBe(STATUS.ANA_TRANSITION)
  })

  it('a standby that becomes active keeps its connections, and tells them', async () => {
    const { h } = await standby()
    const logs: AnaLog[] = []
    const optimized = Promise.withResolvers<void>()
    const controller = await h.connect({
      events: {
        anaChanged: (log) => {
          logs.push(log)
          if (log.groups[0]?.state === AnaState.optimized) optimized.resolve()
        },
      },
    })
    await h.target.activate({ nqn: NQN, volume: h.volume })
    await optimized.promise
    expect((await controller.execute(read)).status).toBe(0)
    expect(controller.isOpen).toBe(true)
  })

  it('what was sent before the activation is refused, and nothing of it is done', async () => {
    const { h } = await standby()
    const controller = await h.connect()
    const write = blockRequest(IoOpcode.write, { lba: 0, blocks: 1 }, { dataOut: bytes(512, 9) })
    const early = controller.execute(write)
    await h.target.activate({ nqn: NQN, volume: h.volume })
    expect([STATUS.ANA_INACCESSIBLE, STATUS.ANA_TRANSITION]).toContain((await early).status)
    const back = new Uint8Array(512)
    await h.device.read(0, back)
    expect(back.every((byte) => byte === 0)).toBe(true)
  })

  it('controller ids come from the slot', async () => {
    const h = new NvmeTargetHarness()
    await h.target.listen(PORTAL)
    h.target.addVolume({ nqn: NQN, volume: h.volume, slot: 2 })
    const ids = [(await h.connect()).controllerId, (await h.connect()).controllerId]
    expect(ids.every((id) => id > 2048 && id <= 3072)).toBe(true)
    expect(ids[0]).not.toBe(ids[1])
  })
})

describe('discovery', () => {
  it('names the ways to every volume that the host may see, and tells of changes', async () => {
    const listeners = new Set<() => void>()
    const elsewhere = new TestPaths(new Uint8Array(16).fill(5), 1 << 20, ['active', 'standby', 'unavailable'])
    const hidden = new TestPaths(new Uint8Array(16).fill(6), 1 << 20, ['active'])
    hidden.change({ hosts: ['nqn.2026-11.org.example:other'] })
    const h = await new NvmeTargetHarness({
      directory: {
        volumes: () => [
          { nqn: `${NQN}-far`, paths: elsewhere.paths },
          { nqn: `${NQN}-hidden`, paths: hidden.paths },
        ],
        subscribe: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
    }).serve()
    const host = {
      net: h.net,
      clock: h.clock,
      portal: PORTAL,
      hostNqn: HOST_NQN,
      hostId: new Uint8Array(16).fill(1),
    }
    const entries = await discover(host)
    expect(
      entries.map(({ kind, subsystemNqn, address, port }) => [kind, subsystemNqn, address, port]),
    ).toEqual([
      ['current', 'nqn.2014-08.org.nvmexpress.discovery', '10.0.0.2', '4420'],
      ['nvm', `${NQN}-far`, '10.0.0.2', '4420'],
      ['nvm', `${NQN}-far`, '10.0.0.3', '4420'],
      ['nvm', NQN, '10.0.0.2', '4420'],
    ])
    const changed = Promise.withResolvers<void>()
    const persistent = await h.connect({
      subsystemNqn: 'nqn.2014-08.org.nvmexpress.discovery',
      queues: 0,
      keepAliveMs: 10_000,
      events: { discoveryChanged: () => changed.resolve() },
    })
    for (const listener of listeners) listener()
    await changed.promise
    await persistent.disconnect()
    await h.target.close()
  })
})
