import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { formatStatus } from '../status.ts'
import { type AuthVerdict, DhchapController, type DhchapControllerOptions } from './controller.ts'
import { GROUP_NAMES, publicBytesOf } from './groups.ts'
import { HASH_NAMES, HASHES } from './hash.ts'
import { DhchapHost, type DhchapHostOptions, type HostStep } from './host.ts'
import { encodeFailure, FAILURE, failureOf, MESSAGE, messageOf } from './messages.ts'
import { type DhchapKey, generateKey } from './secret.ts'
import { SequenceNumbers } from './sequence.ts'
import { SharedExchanges } from './shared-exchanges.ts'

/** Random bytes from a seed: each run is the same. */
function seeded(seed: string): Random {
  let count = 0
  const bytes = (lengthBytes: number): Uint8Array => {
    const parts: number[] = []
    while (parts.length < lengthBytes) {
      parts.push(...createHash('sha512').update(`${seed}:${count++}`).digest())
    }
    return Uint8Array.from(parts.slice(0, lengthBytes))
  }
  return {
    bytes,
    u64: () => 1n,
    integer: (limit) => ((bytes(2)[0] ?? 0) * 256 + (bytes(2)[1] ?? 0)) % limit,
  }
}

const HOST_KEY = generateKey(seeded('host'), 'sha256')
const CONTROLLER_KEY = generateKey(seeded('controller'), 'sha384')
const WRONG_KEY = generateKey(seeded('wrong'), 'sha256')
const NAMES = { hostNqn: 'nqn.2026-11.org.example:Host', subsystemNqn: 'nqn.2026-11.io.basalt:vol' }

interface Sides {
  readonly controller: DhchapController
  readonly clock: ManualClock
  readonly gate: { admits: number; refusing: boolean; failures: number }
  readonly host: (options?: Partial<DhchapHostOptions>) => DhchapHost
}

function sides(options: Partial<DhchapControllerOptions> = {}): Sides {
  const clock = new ManualClock()
  const gate = { admits: 0, refusing: false, failures: 0 }
  const random = seeded('controller side')
  const controller = new DhchapController({
    ...NAMES,
    hostKey: HOST_KEY,
    controllerKey: CONTROLLER_KEY,
    random,
    sequence: new SequenceNumbers(random),
    exchanges: new SharedExchanges({ random, clock }),
    clock,
    gate: {
      admit: () => {
        gate.admits++
        return !gate.refusing
      },
      failed: () => gate.failures++,
    },
    ...options,
  })
  const hostRandom = seeded('host side')
  const sequence = new SequenceNumbers(hostRandom)
  return {
    controller,
    clock,
    gate,
    host: (more = {}) =>
      new DhchapHost({
        ...NAMES,
        hostKey: HOST_KEY,
        controllerKey: undefined,
        random: hostRandom,
        sequence,
        ...more,
      }),
  }
}

interface Outcome {
  readonly host: HostStep
  readonly verdict: AuthVerdict
  /** What the controller sent. */
  readonly received: readonly number[]
  readonly challenge: Uint8Array | undefined
}

/** Runs a transaction; `tamper` may change what goes over the wire. */
function run(
  controller: DhchapController,
  host: DhchapHost,
  tamper: (payload: Uint8Array) => void = () => undefined,
): Outcome {
  const received: number[] = []
  let challenge: Uint8Array | undefined
  let verdict: AuthVerdict = 'continue'
  let step = host.begin()
  for (;;) {
    if (step.send !== undefined) {
      const payload = Uint8Array.from(step.send)
      tamper(payload)
      const sent = controller.send(payload)
      expect(sent.status).toBe(0)
      if (sent.verdict !== 'continue') verdict = sent.verdict
    }
    if (step.next !== 'receive') return { host: step, verdict, received, challenge }
    const result = controller.receive(4096)
    const payload = Uint8Array.from(result.payload!)
    tamper(payload)
    received.push(messageOf(payload)!)
    if (messageOf(payload) === MESSAGE.CHALLENGE) challenge = payload
    if (result.verdict !== 'continue') verdict = result.verdict
    step = host.received(payload)
  }
}

describe('a host and a controller', () => {
  const pairs = HASH_NAMES.flatMap((hash) => GROUP_NAMES.map((group) => ({ hash, group })))

  it.each(pairs)('prove themselves to each other with $hash and $group', ({ hash, group }) => {
    const { controller, host } = sides()
    const offer = { hashes: [hash], groups: [group] }
    const outcome = run(controller, host({ ...offer, controllerKey: CONTROLLER_KEY }))
    expect(outcome.host.next).toBe('done')
    expect(messageOf(outcome.host.send!)).toBe(MESSAGE.SUCCESS2)
    expect(outcome.received).toEqual([MESSAGE.CHALLENGE, MESSAGE.SUCCESS1])
    expect([outcome.verdict, controller.isAuthenticated]).toEqual(['authenticated', true])
    expect(outcome.challenge?.byteLength).toBe(16 + HASHES[hash].lengthBytes + publicBytesOf(group))
  })

  it('one way: the host alone proves itself', () => {
    const { controller, host, gate } = sides({ controllerKey: undefined })
    const outcome = run(controller, host())
    expect(outcome.host).toEqual({ next: 'done', send: undefined })
    expect([outcome.verdict, controller.isAuthenticated, gate.failures]).toEqual(['authenticated', true, 0])
  })

  it('the controller takes what it prefers of what the host offers', () => {
    const { controller, host } = sides()
    const { challenge } = run(controller, host())
    expect([challenge![8], challenge![9]]).toEqual([HASHES.sha512.id, 1])
    const none = sides()
    expect(run(none.controller, none.host({ groups: ['null'] })).challenge![9]).toBe(0)
  })

  it('without a hash or a group in common they do not', () => {
    for (const [options, code] of [
      [{ hashes: ['sha512' as const] }, FAILURE.HASH_UNUSABLE],
      [{ groups: ['ffdhe2048' as const] }, FAILURE.GROUP_UNUSABLE],
    ] as const) {
      const { controller, host } = sides(options)
      const outcome = run(controller, host({ hashes: ['sha256'], groups: ['null'] }))
      expect(outcome.host).toMatchObject({ next: 'failed', by: 'controller', code })
      expect(controller.failure).toBe(code)
    }
  })

  const wrong: [string, Partial<DhchapHostOptions>][] = [
    ['another key', { hostKey: WRONG_KEY }],
    ['the key with another transformation', { hostKey: { ...HOST_KEY, hash: 'sha512' } }],
    ['the key of the controller', { hostKey: CONTROLLER_KEY }],
    ['another host name', { hostNqn: 'nqn.2026-11.org.example:host' }],
    ['another subsystem', { subsystemNqn: 'nqn.2026-11.io.basalt:other' }],
  ]
  it.each(wrong)('a host with %s is refused, and not told why', (_, options) => {
    const { controller, host, gate } = sides()
    const outcome = run(controller, host({ groups: ['null'], ...options }))
    expect(outcome.host).toMatchObject({ next: 'failed', by: 'controller', code: FAILURE.FAILED })
    expect([outcome.verdict, controller.isAuthenticated, gate.failures]).toEqual(['failed', false, 1])
    expect(formatStatus(controller.send(host().begin().send!).status)).toBe('0/0c!')
    expect(controller.receive(4096)).toMatchObject({ verdict: 'failed', payload: undefined })
  })

  it('a controller that cannot prove itself is refused by the host', () => {
    const { controller, host } = sides({ controllerKey: WRONG_KEY })
    const outcome = run(controller, host({ controllerKey: CONTROLLER_KEY }))
    expect(outcome.host).toMatchObject({ next: 'failed', by: 'host', code: FAILURE.FAILED })
    expect([outcome.verdict, controller.isAuthenticated]).toEqual(['failed', false])
  })

  it('a controller without a key refuses a host that wants proof', () => {
    const { controller, host } = sides({ controllerKey: undefined })
    const outcome = run(controller, host({ controllerKey: CONTROLLER_KEY }))
    expect(outcome.host).toMatchObject({ next: 'failed', by: 'controller', code: FAILURE.FAILED })
  })

  it('a controller that leaves its proof out is refused by the host', () => {
    const { controller, host } = sides()
    const outcome = run(controller, host({ controllerKey: CONTROLLER_KEY }), (payload) => {
      if (messageOf(payload) === MESSAGE.SUCCESS1) payload[8] = 0
    })
    expect(outcome.host).toMatchObject({ next: 'failed', by: 'host' })
    expect(controller.isAuthenticated).toBe(false)
  })

  it('a challenge that comes back to its sender proves nothing', () => {
    const { controller, host } = sides({ controllerKey: HOST_KEY })
    let c1: Uint8Array = new Uint8Array(0)
    const outcome = run(
      controller,
      host({ controllerKey: HOST_KEY, groups: ['null'], hashes: ['sha256'] }),
      (payload) => {
        if (messageOf(payload) === MESSAGE.CHALLENGE) c1 = payload.slice(16, 48)
        if (messageOf(payload) === MESSAGE.REPLY) payload.set(c1, 48)
      },
    )
    expect(outcome.host).toMatchObject({ next: 'failed', by: 'controller', code: FAILURE.FAILED })
  })
})

describe('a queue that is authenticated', () => {
  it('may authenticate again, and stays so meanwhile', () => {
    const { controller, host } = sides()
    run(controller, host({ groups: ['null'] }))
    const again = host({ groups: ['ffdhe2048'], controllerKey: CONTROLLER_KEY })
    controller.send(again.begin().send!)
    expect(controller.isAuthenticated).toBe(true)
    expect(run(controller, host({ groups: ['null'] })).verdict).toBe('authenticated')
  })

  it('is not any more when that fails', () => {
    const { controller, host } = sides()
    run(controller, host({ groups: ['null'] }))
    expect(run(controller, host({ groups: ['null'], hostKey: WRONG_KEY })).verdict).toBe('failed')
    expect(controller.isAuthenticated).toBe(false)
  })

  it('has another challenge and another sequence number each time', () => {
    const { controller, host } = sides()
    const challenges = [1, 2, 3].map(() => run(controller, host({ groups: ['null'] })).challenge!)
    const texts = challenges.map((one) => Buffer.from(one.subarray(16)).toString('hex'))
    expect(new Set(texts).size).toBe(3)
    const numbers = challenges.map((one) => new DataView(one.buffer).getUint32(12, true))
    expect(numbers).toEqual([numbers[0], numbers[0]! + 1, numbers[0]! + 2])
  })

  it('does not take the reply of an earlier transaction', () => {
    const { controller, host } = sides()
    const first = host({ groups: ['null'] })
    controller.send(first.begin().send!)
    const reply = first.received(controller.receive(4096).payload!).send!
    const second = host({ groups: ['null'] }).begin().send!
    second.set(reply.subarray(4, 6), 4)
    controller.send(second)
    controller.receive(4096)
    controller.send(reply)
    expect(failureOf(controller.receive(4096).payload!)).toBe(FAILURE.FAILED)
  })
})

describe('the controller', () => {
  const negotiate = (host: DhchapHost): Uint8Array => Uint8Array.from(host.begin().send!)
  const failureAfter = (controller: DhchapController, payload: Uint8Array): number => {
    expect(controller.send(payload).status).toBe(0)
    const result = controller.receive(8)
    expect([messageOf(result.payload!), result.verdict]).toEqual([MESSAGE.FAILURE1, 'failed'])
    return failureOf(result.payload!)
  }

  it('gives nothing out of turn, and nothing that does not fit', () => {
    const { controller, host } = sides()
    expect(formatStatus(controller.receive(4096).status)).toBe('0/0c!')
    controller.send(negotiate(host({ groups: ['null'], hashes: ['sha256'] })))
    expect(controller.receive(47)).toMatchObject({ status: 0x4002, payload: undefined, verdict: 'continue' })
    expect(controller.receive(48).payload?.byteLength).toBe(48)
    expect(formatStatus(controller.receive(4096).status)).toBe('0/0c!')
  })

  it.each([
    ['nothing', FAILURE.INCORRECT_PAYLOAD, () => new Uint8Array(0)],
    ['too little', FAILURE.INCORRECT_PAYLOAD, () => new Uint8Array(7)],
    ['too much', FAILURE.INCORRECT_PAYLOAD, () => new Uint8Array(4097)],
    ['an unknown message', FAILURE.INCORRECT_MESSAGE, () => Uint8Array.of(1, 9, 0, 0, 0, 0, 0, 0)],
    ['a reply at first', FAILURE.INCORRECT_MESSAGE, () => Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0)],
    ['a failure at first', FAILURE.INCORRECT_MESSAGE, () => Uint8Array.of(0, 0xf0, 0, 0, 0, 0, 1, 1)],
  ] as const)('refuses %s', (_, code, payload) => {
    expect(failureAfter(sides().controller, payload())).toBe(code)
  })

  it.each([
    ['no descriptors', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(0, 7, 8)],
    ['more descriptors than there are', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(2, 7, 8)],
    ['255 descriptors', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(255, 7, 8)],
    ['a secure channel', FAILURE.CONCATENATION_MISMATCH, (p: Uint8Array) => p.fill(1, 6, 7)],
    ['another protocol', FAILURE.PROTOCOL_UNUSABLE, (p: Uint8Array) => p.fill(2, 8, 9)],
    ['no hashes', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(0, 10, 11)],
    ['31 hashes', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(31, 10, 11)],
    ['no groups', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(0, 11, 12)],
    ['31 groups', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(31, 11, 12)],
    ['hashes that nobody knows', FAILURE.HASH_UNUSABLE, (p: Uint8Array) => p.fill(9, 12, 42)],
    ['groups that nobody knows', FAILURE.GROUP_UNUSABLE, (p: Uint8Array) => p.fill(9, 42, 72)],
  ] as const)('refuses a negotiation with %s', (_, code, change) => {
    const { controller, host } = sides()
    const payload = negotiate(host())
    change(payload)
    expect(failureAfter(controller, payload)).toBe(code)
  })

  it('finds its protocol behind others', () => {
    const { controller, host } = sides()
    const own = negotiate(host())
    const payload = new Uint8Array(8 + 128)
    payload.set(own.subarray(0, 8))
    payload[7] = 2
    payload[8] = 0x77
    payload.set(own.subarray(8), 72)
    expect(controller.send(payload).verdict).toBe('continue')
    expect(messageOf(controller.receive(4096).payload!)).toBe(MESSAGE.CHALLENGE)
  })

  it.each([
    ['another hash length', (p: Uint8Array) => p.fill(48, 6, 7)],
    ['another length of the public value', (p: Uint8Array) => p.fill(1, 10, 11)],
    ['a challenge without a sequence number', (p: Uint8Array) => p.fill(1, 8, 9).fill(0, 12, 16)],
    ['another transaction', (p: Uint8Array) => p.fill((p[4] ?? 0) ^ 1, 4, 5)],
    ['a public value of zeros', (p: Uint8Array) => p.fill(0, 16 + 64)],
    ['a public value of ones', (p: Uint8Array) => p.fill(255, 16 + 64)],
  ])('refuses a reply with %s', (_, change) => {
    const { controller, host } = sides()
    const one = host({ hashes: ['sha256'], groups: ['ffdhe2048'] })
    controller.send(one.begin().send!)
    const reply = Uint8Array.from(one.received(controller.receive(4096).payload!).send!)
    change(reply)
    expect(failureAfter(controller, reply)).toBe(FAILURE.INCORRECT_PAYLOAD)
  })

  it('refuses every part of a reply, and never takes it for more', () => {
    const one = (): [DhchapController, Uint8Array] => {
      const { controller, host } = sides()
      const side = host({ hashes: ['sha256'], groups: ['null'] })
      controller.send(side.begin().send!)
      return [controller, side.received(controller.receive(4096).payload!).send!]
    }
    const [, whole] = one()
    for (let length = 0; length < whole.byteLength; length += 5) {
      const [controller, reply] = one()
      expect(failureAfter(controller, reply.subarray(0, length))).toBe(FAILURE.INCORRECT_PAYLOAD)
    }
  })

  it('survives any bytes', () => {
    const random = seeded('hostile')
    for (let i = 0; i < 500; i++) {
      const { controller, host } = sides()
      const side = host({ hashes: ['sha256'], groups: ['null'] })
      const steps = [side.begin().send!]
      controller.send(steps[0]!)
      const reply = Uint8Array.from(side.received(controller.receive(4096).payload!).send!)
      const target = i % 2 === 0 ? reply : Uint8Array.from(steps[0]!)
      for (let flips = 0; flips < 4; flips++) {
        // HL to SEQNUM and the response; C2 and what is reserved do not count in a one-way proof
        target[random.integer(Math.min(48, target.byteLength))] = random.bytes(1)[0]!
      }
      const result = controller.send(target)
      expect(result.status).toBe(0)
      const more = controller.receive(4096)
      if (Buffer.compare(target, reply) === 0) continue
      const isRightResponse = Buffer.compare(target.subarray(16, 48), reply.subarray(16, 48)) === 0
      if (!isRightResponse) expect(controller.isAuthenticated).toBe(false)
      expect(['continue', 'failed', 'authenticated']).toContain(more.verdict)
    }
  })

  it('asks the gate once for each transaction, and does nothing for whom it does not admit', () => {
    const { controller, host, gate } = sides()
    gate.refusing = true
    expect(failureAfter(controller, negotiate(host()))).toBe(FAILURE.FAILED)
    expect(gate.admits).toBe(1)
  })

  it('lets a host begin eight times before it succeeds, and no more', () => {
    const { controller, host } = sides()
    for (let i = 0; i < 7; i++) controller.send(negotiate(host({ groups: ['null'] })))
    expect(run(controller, host({ groups: ['null'] })).verdict).toBe('authenticated')
    for (let i = 0; i < 8; i++) controller.send(negotiate(host({ groups: ['null'] })))
    expect(failureAfter(controller, negotiate(host({ groups: ['null'] })))).toBe(FAILURE.FAILED)
  })

  it('takes a transaction no further than its time limit', () => {
    const { controller, host, clock } = sides({ timeLimitMs: 1000 })
    expect(controller.deadlineMs).toBeUndefined()
    const inTime = host({ groups: ['null'] })
    controller.send(inTime.begin().send!)
    expect(controller.deadlineMs).toBe(clock.monotonicMs() + 1000)
    const reply = inTime.received(controller.receive(4096).payload!).send!
    clock.advance(1001)
    expect(failureAfter(controller, reply)).toBe(FAILURE.FAILED)
  })

  it('ends with the failure of the host', () => {
    const { controller, host } = sides()
    const side = host()
    const first = side.begin().send!
    controller.send(first)
    controller.receive(4096)
    const transaction = new DataView(first.buffer).getUint16(4, true)
    const payload = encodeFailure(MESSAGE.FAILURE2, transaction, FAILURE.GROUP_UNUSABLE)
    expect(controller.send(payload)).toEqual({ status: 0, verdict: 'failed' })
    expect(controller.failure).toBe(FAILURE.GROUP_UNUSABLE)
  })

  it('stays with its failure until the host has heard of it', () => {
    const { controller, host } = sides()
    controller.send(new Uint8Array(7))
    controller.send(negotiate(host()))
    expect(messageOf(controller.receive(4096).payload!)).toBe(MESSAGE.FAILURE1)
  })
})

describe('the host', () => {
  const challenged = (
    change: (payload: Uint8Array) => Uint8Array,
    options: Partial<DhchapHostOptions> = {},
  ): HostStep => {
    const { controller, host } = sides()
    const side = host({ hashes: ['sha256'], groups: ['ffdhe2048'], ...options })
    controller.send(side.begin().send!)
    return side.received(change(Uint8Array.from(controller.receive(4096).payload!)))
  }

  it.each([
    ['nothing', FAILURE.INCORRECT_PAYLOAD, () => new Uint8Array(0)],
    ['a part', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.subarray(0, p.byteLength - 1)],
    ['a header', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.subarray(0, 15)],
    ['another transaction', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill((p[4] ?? 0) ^ 1, 4, 5)],
    ['another message', FAILURE.INCORRECT_MESSAGE, (p: Uint8Array) => p.fill(3, 1, 2)],
    ['a hash that it did not offer', FAILURE.HASH_UNUSABLE, (p: Uint8Array) => p.fill(2, 8, 9)],
    ['a group that it did not offer', FAILURE.GROUP_UNUSABLE, (p: Uint8Array) => p.fill(0, 9, 10)],
    ['an unknown group', FAILURE.GROUP_UNUSABLE, (p: Uint8Array) => p.fill(6, 9, 10)],
    ['a shorter public value', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(0, 10, 12)],
    ['a public value of zeros', FAILURE.INCORRECT_PAYLOAD, (p: Uint8Array) => p.fill(0, 48)],
  ] as const)('refuses a challenge with %s', (_, code, change) => {
    expect(challenged(change)).toMatchObject({ next: 'failed', by: 'host', code })
  })

  it('tells why the controller gave up', () => {
    const failure = encodeFailure(MESSAGE.FAILURE1, 0, FAILURE.HASH_UNUSABLE)
    const step = challenged(() => failure)
    expect(step).toEqual({ next: 'failed', send: undefined, by: 'controller', code: FAILURE.HASH_UNUSABLE })
  })
})

it('private values are shared for a minute, by group', () => {
  const clock = new ManualClock()
  const exchanges = new SharedExchanges({ random: seeded('shared'), clock })
  const first = exchanges.of('ffdhe2048')
  clock.advance(59_999)
  expect([exchanges.of('ffdhe2048') === first, exchanges.of('ffdhe3072') === first]).toEqual([true, false])
  clock.advance(1)
  expect(exchanges.of('ffdhe2048').publicValue).not.toEqual(first.publicValue)
})

it('sequence numbers leave 0 out', () => {
  const random: Random = { bytes: () => Uint8Array.of(255, 255, 255, 255), u64: () => 1n, integer: () => 0 }
  const numbers = new SequenceNumbers(random)
  expect([numbers.next(), numbers.next()]).toEqual([1, 2])
})

it('a key without a transformation works like any other', () => {
  const key: DhchapKey = { key: Secret.fromBytes(new Uint8Array(48).fill(7)), hash: undefined }
  const { controller, host } = sides({ hostKey: key })
  expect(run(controller, host({ hostKey: key, groups: ['null'] })).verdict).toBe('authenticated')
})
