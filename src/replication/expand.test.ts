import { describe, expect, it } from 'vitest'
import { read, Trio, write } from '../../test/replication/trio.ts'
import type { DeviceEvent } from '../base/ports/block-device.ts'
import { BLOCK_BYTES, MIB } from '../base/units.ts'
import type { Policy } from '../v2engine/policy.ts'

const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const allThree: Policy = { mode: { kind: 'sync_all', minInSync: 3 }, replicaFactor: 3 }
const LAST = (2 * MIB) / BLOCK_BYTES - 1

describe('a volume that grows', () => {
  it('is larger at every replica, and at the primary after', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const first = await trio.leader()
      await trio.inSync()
      const events: DeviceEvent[] = []
      first.device!.subscribe((event) => events.push(event))
      await expect(write(first.device!, LAST, 9)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' })

      const { epoch } = trio.authority.registry
      await first.open.expand(epoch.number, 2 * MIB)
      expect(events).toEqual([{ kind: 'resized', sizeBytes: 2 * MIB }])
      expect(first.open.progress().sizeBytes).toBe(2 * MIB)
      await write(first.device!, LAST, 9)
      await trio.inSync()
      for (const node of trio.nodes) expect(node.open.progress().sizeBytes).toBe(2 * MIB)

      first.crash('power')
      const second = await trio.leader(first)
      expect(second.device!.sizeBytes).toBe(2 * MIB)
      expect(await read(second.device!, LAST)).toBe(9)
      await second.open.expand(trio.authority.registry.epoch.number, 2 * MIB)
      await first.up()
      await trio.inSync()
      expect(first.open.progress().sizeBytes).toBe(2 * MIB)
    }))

  it('does not grow below its size, in another epoch, or where it is not led', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const { number } = trio.authority.registry.epoch
      const other = trio.nodes.find((node) => node !== leader)!
      await expect(other.open.expand(number, 2 * MIB)).rejects.toMatchObject({ code: 'CONFLICT' })
      await expect(leader.open.expand(number + 1, 2 * MIB)).rejects.toMatchObject({ code: 'CONFLICT' })
      await expect(leader.open.expand(number - 1, 2 * MIB)).rejects.toMatchObject({ code: 'CONFLICT' })
      await expect(leader.open.expand(number, BLOCK_BYTES)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
      await leader.open.expand(number, MIB)
    }))

  it('has grown only when the members have it', () =>
    Trio.run({ policy: allThree }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const { number } = trio.authority.registry.epoch
      const dead = trio.nodes.find((node) => node !== leader)!
      dead.crash()
      await expect(leader.open.expand(number, 2 * MIB)).rejects.toMatchObject({ code: 'BUSY' })
      await dead.up()
      await trio.inSync()
      await leader.open.expand(number, 2 * MIB)
      await trio.inSync()
      for (const node of trio.nodes) expect(node.open.progress().sizeBytes).toBe(2 * MIB)
    }))
})
