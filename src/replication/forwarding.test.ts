import { describe, expect, it } from 'vitest'
import { Trio } from '../../test/replication/trio.ts'
import { isBlockError } from '../base/errors.ts'
import { KIB } from '../base/units.ts'
import type { Policy } from '../v2engine/policy.ts'
import type { LedDevice } from './device.ts'
import type { Replica } from './replica.ts'

const policy: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: unknown) => (isBlockError(error) ? error.code : String(error)),
  )

const doubled = async (bytes: Uint8Array): Promise<Uint8Array> => bytes.map((byte) => byte * 2)

/** The replica asks nothing before it has heard its primary's pulse. */
async function answers(trio: Trio, replica: Replica, device: LedDevice): Promise<void> {
  device.onForward(doubled)
  while ((await code(replica.forward(Uint8Array.of(1)))) !== 'answered')
    await new Promise<void>((done) => trio.later(20, done))
}

describe('what a replica forwards', () => {
  it('is answered by whoever serves hosts at the primary, up to 64 KiB both ways', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const replica = trio.nodes.find((node) => node !== leader)!.open
      expect(await code(replica.forward(Uint8Array.of(1)))).toBe('BUSY')
      await answers(trio, replica, leader.device!)
      expect(await replica.forward(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(2, 4, 6))
      expect((await replica.forward(new Uint8Array(0))).byteLength).toBe(0)
      expect((await replica.forward(new Uint8Array(64 * KIB).fill(3))).every((byte) => byte === 6)).toBe(true)
      expect(await code(replica.forward(new Uint8Array(64 * KIB + 1)))).toBe('INVALID_ARGUMENT')
      expect(await code(leader.open.forward(Uint8Array.of(1)))).toBe('BUSY')
      await trio.inSync()
    }))

  it('is BUSY beyond 32 at a time, after 5 s, and when the answer is too long', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const replica = trio.nodes.find((node) => node !== leader)!.open
      await answers(trio, replica, leader.device!)
      const { promise, resolve } = Promise.withResolvers<Uint8Array>()
      leader.device!.onForward(() => promise)
      const fromMs = trio.scheduler.nowMs
      const asked = Array.from({ length: 40 }, () => code(replica.forward(Uint8Array.of(1))))
      expect(await asked[39]).toBe('BUSY')
      expect(trio.scheduler.nowMs).toBe(fromMs)
      expect(new Set(await Promise.all(asked))).toEqual(new Set(['BUSY']))
      expect(trio.scheduler.nowMs - fromMs).toBe(5_000)
      // the primary is still at the first 32: more are refused there
      leader.device!.onForward(doubled)
      expect(await code(replica.forward(Uint8Array.of(1)))).toBe('BUSY')
      resolve(new Uint8Array(0))
      await new Promise<void>((done) => trio.later(20, done))
      expect(await code(replica.forward(Uint8Array.of(1)))).toBe('answered')
      leader.device!.onForward(async () => new Uint8Array(64 * KIB + 1))
      expect(await code(replica.forward(Uint8Array.of(1)))).toBe('BUSY')
    }))

  it('is BUSY when the primary dies, and goes to the next one', () =>
    Trio.run({ policy }, async (trio) => {
      const first = await trio.leader()
      await trio.inSync()
      first.device!.onForward(() => new Promise(() => undefined))
      const others = trio.nodes.filter((node) => node !== first)
      const asked = others.map((node) => code(node.open.forward(Uint8Array.of(1))))
      await new Promise<void>((resolve) => trio.later(20, resolve))
      first.crash()
      expect(await Promise.all(asked)).toEqual(['BUSY', 'BUSY'])
      const second = await trio.leader(first)
      second.device!.onForward(doubled)
      const third = others.find((node) => node !== second)!
      await trio.until('the third obeys the second', () =>
        second.open
          .status()
          .view.peers.some(({ server, isConnected }) => server === third.server && isConnected),
      )
      await new Promise<void>((resolve) => trio.later(100, resolve))
      expect(await third.open.forward(Uint8Array.of(4))).toEqual(Uint8Array.of(8))
    }))

  it('is not answered by an epoch that is over', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const replica = trio.nodes.find((node) => node !== leader)!.open
      const device = leader.device!
      let answer: (bytes: Uint8Array) => void = () => undefined
      device.onForward(
        () =>
          new Promise((resolve) => {
            answer = resolve
          }),
      )
      const asked = code(replica.forward(Uint8Array.of(1)))
      await new Promise<void>((resolve) => trio.later(20, resolve))
      device.lose('the test says so')
      answer(Uint8Array.of(7))
      expect(await asked).toBe('BUSY')
    }))

  it('is not carried out when it comes after the replica has given it up', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const replica = trio.nodes.find((node) => node !== leader)!.open
      const taken: number[] = []
      leader.device!.onForward(async (bytes) => {
        taken.push(bytes[0] ?? 0)
        return bytes
      })
      await new Promise<void>((resolve) => trio.later(500, resolve))
      expect(await code(replica.forward(Uint8Array.of(1)))).toBe('answered')
      const hear = trio.machines.deafen(leader.server)
      expect(await code(replica.forward(Uint8Array.of(2)))).toBe('BUSY')
      hear()
      await new Promise<void>((resolve) => trio.later(500, resolve))
      expect(taken).toEqual([1])
      expect(await code(replica.forward(Uint8Array.of(3)))).toBe('answered')
      expect(taken).toEqual([1, 3])
    }))
})
