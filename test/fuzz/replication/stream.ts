/**
 * A hostile peer's stream, drawn from a seed: how it begins (noise, a HELLO that is wrong in some way, a proof that is
 * none, a handshake that is right), what it sends then, how it is cut into pieces, and how it ends.
 *
 * A peer that has the cluster's key may lead, for that is what the key is for. So who knows the key here is a stranger that
 * is no replica, and speaks of epochs and sessions that are over; everybody else may say anything.
 */
import { viewOf } from '../../../src/base/binary.ts'
import { crc32c } from '../../../src/base/crc32c.ts'
import { type Epoch, epochNumber, lsn } from '../../../src/base/units.ts'
import { Handshake, type VolumeIdentity } from '../../../src/replication/handshake.ts'
import {
  encodeCompare,
  encodeCompared,
  encodeMend,
  encodeMended,
  type MendBlock,
} from '../../../src/replication/wire/compare.ts'
import { encodeForward, encodeForwarded } from '../../../src/replication/wire/forward.ts'
import { encodeFrameHeader, FRAME, type FrameKind } from '../../../src/replication/wire/frame.ts'
import { encodeHello, type Hello } from '../../../src/replication/wire/hello.ts'
import { encodeMessage } from '../../../src/replication/wire/messages.ts'
import { encodeScrub, encodeScrubbed } from '../../../src/replication/wire/scrub.ts'
import { opening, serverId, sessionId } from '../../../src/v2engine/identity.ts'
import type { PeerMessage } from '../../../src/v2engine/messages.ts'
import type { SeededRandom } from '../../sim/random.ts'

/** What a peer has to know of the cluster to be taken seriously. */
export interface Facts {
  readonly clusterId: Uint8Array
  readonly clusterKey: Uint8Array
  readonly volume: VolumeIdentity
  /** Id of the server that is spoken to. */
  readonly wanted: string
}

export type Beginning = 'noise' | 'mangled hello' | 'wrong hello' | 'wrong proof' | 'known'
export type Ending = 'reset' | 'close' | 'silence'

const BEGINNINGS = { noise: 2, 'mangled hello': 4, 'wrong hello': 4, 'wrong proof': 3, known: 8 } as const
const ENDINGS = { reset: 12, close: 12, silence: 1 } as const
const KINDS = Object.values(FRAME)
const LENGTHS = [
  0,
  1,
  23,
  24,
  1024,
  1025,
  65_536,
  65_537,
  4 << 20,
  (4 << 20) + 1,
  0x7fff_ffff,
  0xffff_ffff,
] as const
const NOISE_BYTES_MAX = 8192
/** Sent of a payload whose announced length is longer. */
const PAYLOAD_BYTES_MAX = 16_384

export class HostilePeer {
  readonly beginning: Beginning
  readonly ending: Ending
  readonly #random: SeededRandom
  readonly #facts: Facts
  #sequence = 0

  constructor(random: SeededRandom, facts: Facts) {
    this.#random = random
    this.#facts = facts
    this.beginning = random.weighted(BEGINNINGS)
    this.ending = random.weighted(ENDINGS)
  }

  /** The first bytes. */
  first(): Uint8Array {
    const random = this.#random
    if (this.beginning === 'noise') return this.#noise()
    const hello = encodeHello(this.beginning === 'wrong hello' ? this.#wrongHello() : this.#hello())
    const frame = this.#frame(FRAME.hello, hello)
    if (this.beginning !== 'mangled hello') return frame
    return random.chance(0.5) ? this.#mangle(frame) : this.#resealed(hello)
  }

  /** A handshake of its own for a peer that knows the key, or has a wrong one. */
  handshake(): Handshake | undefined {
    if (this.beginning !== 'known' && this.beginning !== 'wrong proof') return undefined
    const { clusterId, clusterKey, volume, wanted } = this.#facts
    const random = this.#random
    const key = this.beginning === 'known' ? clusterKey : random.bytes(32)
    return new Handshake({
      clusterId,
      clusterKey: key,
      server: `stranger-${random.integer(10)}`,
      nonce: random.bytes(32),
      connect: { volume, wanted },
      // the acceptor's proof does not matter to who lies
      accept: () => volume,
    })
  }

  /** Everything after the handshake. */
  rest(): Uint8Array[] {
    const count = 1 + this.#random.integer(6)
    return Array.from({ length: count }, () => this.#any())
  }

  /** Frames in order, as the protocol wants them. */
  ordered(kind: FrameKind, payload: Uint8Array): Uint8Array {
    return this.#frame(kind, payload)
  }

  /** Cuts bytes anywhere. */
  cut(bytes: Uint8Array): Uint8Array[] {
    const random = this.#random
    const pieces: Uint8Array[] = []
    let at = 0
    while (at < bytes.byteLength) {
      const length = random.chance(0.6)
        ? bytes.byteLength - at
        : 1 + random.integer(Math.min(64, bytes.byteLength - at))
      pieces.push(bytes.subarray(at, at + length))
      at += length
    }
    return pieces
  }

  #any(): Uint8Array {
    const random = this.#random
    switch (
      random.weighted({ noise: 1, mangled: 3, length: 3, order: 1, random: 4, stale: 6, handshake: 1 })
    ) {
      case 'noise':
        return this.#noise()
      case 'mangled':
        return this.#mangle(this.#frame(random.pick(KINDS), random.bytes(random.integer(256))))
      case 'length':
        return this.#wrongLength()
      case 'order':
        this.#sequence += random.pick([-1, 1, 7])
        return this.#frame(FRAME.keepalive, random.bytes(16))
      case 'random':
        return this.#frame(random.pick(KINDS), random.bytes(random.pick([0, 1, 8, 57, 300, 4096, 5000])))
      case 'stale':
        return this.#stale()
      case 'handshake':
        return this.#frame(random.pick([FRAME.hello, FRAME.proof, FRAME.error]), random.bytes(40))
    }
  }

  /** A frame that is right in form, whole or cut short at its end, of an epoch or a session that is over. */
  #stale(): Uint8Array {
    const random = this.#random
    const { kind, payload } = random.chance(0.15)
      ? this.#staleForward()
      : random.chance(0.15)
        ? this.#staleScrub()
        : encodeMessage(this.#staleMessage())
    if (random.chance(0.6)) return this.#frame(kind, payload)
    const wrong = Uint8Array.from(payload.subarray(0, random.integer(payload.byteLength + 1)))
    return this.#frame(kind, wrong)
  }

  /** What a host asks, or the answer to what nobody asked. */
  #staleForward(): { readonly kind: FrameKind; readonly payload: Uint8Array } {
    const random = this.#random
    const bytes = random.bytes(random.integer(100))
    const forward = { epoch: this.#oldEpoch(), heardMs: 0, id: random.integer(2 ** 31), bytes }
    return random.chance(0.5)
      ? { kind: FRAME.forward, payload: encodeForward(forward) }
      : { kind: FRAME.forwarded, payload: encodeForwarded(forward) }
  }

  /** What a primary asks for a scrub, or the answer to what nobody asked; of any epoch. */
  #staleScrub(): { readonly kind: FrameKind; readonly payload: Uint8Array } {
    const random = this.#random
    const epoch = random.chance(0.5) ? this.#oldEpoch() : this.#facts.volume.epoch
    const numbered = { epoch, id: random.integer(2 ** 31) }
    const page = random.pick([0, 1, 2 ** 40])
    const entry = { kind: 'data', lsn: 1 + random.integer(100), checksum: random.integer(2 ** 31) } as const
    const block: MendBlock = {
      block: page * 256,
      told: { kind: 'unknown', lsn: 0, checksum: 0 },
      wanted: entry,
    }
    const pages = [{ page, hash: random.u64() }]
    const repair = random.chance(0.5)
    const scrub = { ...numbered, pass: 1 + random.integer(9), repair, isCancelled: random.chance(0.5) }
    const counts = { verifiedBytes: 1, errors: 0, repaired: 0, found: [] }
    return random.pick([
      {
        kind: FRAME.compare,
        payload: encodeCompare({ ...numbered, asOfLsn: random.integer(2 ** 31), pages }),
      },
      { kind: FRAME.compared, payload: encodeCompared({ ...numbered, differing: undefined }) },
      { kind: FRAME.mend, payload: encodeMend({ ...numbered, blocks: [block] }) },
      { kind: FRAME.mended, payload: encodeMended({ ...numbered, areMended: [true] }) },
      { kind: FRAME.scrub, payload: encodeScrub(scrub) },
      { kind: FRAME.scrubbed, payload: encodeScrubbed({ ...numbered, ...counts, state: 'ended' }) },
    ])
  }

  #staleMessage(): PeerMessage {
    const random = this.#random
    const epoch = this.#oldEpoch()
    const at = (): ReturnType<typeof lsn> => lsn(random.integer(2 ** 31))
    const session = {
      id: sessionId(random.integer(100)),
      epoch,
      primaryOpening: opening(random.integer(2 ** 31)),
      replicaOpening: opening(random.integer(2 ** 31)),
    }
    const set = { epoch: epoch.number, version: random.integer(10), members: [serverId('stranger')] }
    const messages: readonly PeerMessage[] = [
      { kind: 'lead', epoch, opening: session.primaryOpening },
      { kind: 'entries', session, first: at(), last: at(), commit: at() },
      { kind: 'pulse', epoch, askedAtMs: random.integer(2 ** 31), commit: at(), set },
      { kind: 'barrier', session, lsn: at() },
      { kind: 'release', epoch },
      { kind: 'taken', session },
      { kind: 'refused', session, why: 'plan does not fit' },
      { kind: 'ack', session, appended: at(), durable: at() },
      { kind: 'confirmed', session, lsn: at() },
      { kind: 'promise', epoch, askedAtMs: random.integer(2 ** 31) },
      { kind: 'fence', epoch },
    ]
    return random.pick(messages)
  }

  /** Below the one that the volume is in. */
  #oldEpoch(): Epoch {
    const { number } = this.#facts.volume.epoch
    return { number: epochNumber(this.#random.integer(number)), id: this.#random.u64() }
  }

  #hello(): Hello {
    const { clusterId, volume, wanted } = this.#facts
    const random = this.#random
    return {
      ...{ minVersion: 1, maxVersion: 1, clusterId, wanted, ...volume },
      server: `stranger-${random.integer(10)}`,
      nonce: random.bytes(32),
    }
  }

  #wrongHello(): Hello {
    const random = this.#random
    const hello = this.#hello()
    switch (random.weighted({ cluster: 1, volume: 1, wanted: 1, version: 1, level: 1, names: 1 })) {
      case 'cluster':
        return { ...hello, clusterId: random.bytes(16) }
      case 'volume':
        return { ...hello, volumeUuid: random.bytes(16) }
      case 'wanted':
        return { ...hello, wanted: 'somebody-else' }
      case 'version':
        return { ...hello, minVersion: 2 + random.integer(1000), maxVersion: 2000 }
      case 'level':
        return { ...hello, formatLevel: 2 ** 31 }
      case 'names':
        return { ...hello, server: '', wanted: hello.wanted.repeat(1 + random.integer(10)) }
    }
  }

  #noise(): Uint8Array {
    const random = this.#random
    const bytes = random.bytes(random.integer(NOISE_BYTES_MAX))
    // some of it begins like a frame
    if (bytes.byteLength >= 4 && random.chance(0.5)) viewOf(bytes).setUint32(0, 0x3146_5242, true)
    return bytes
  }

  #frame(kind: FrameKind, payload: Uint8Array): Uint8Array {
    const header = encodeFrameHeader(kind, this.#sequence++ >>> 0, [payload])
    const frame = new Uint8Array(header.byteLength + payload.byteLength)
    frame.set(header)
    frame.set(payload, header.byteLength)
    return frame
  }

  /** A payload changed in places, and checksums that are right again. */
  #resealed(payload: Uint8Array): Uint8Array {
    this.#sequence = 0
    return this.#frame(FRAME.hello, this.#mangle(payload))
  }

  #mangle(bytes: Uint8Array): Uint8Array {
    const random = this.#random
    const wrong = Uint8Array.from(bytes)
    for (let left = 1 + random.integer(3); left > 0 && wrong.byteLength > 0; left--) {
      const at = random.integer(wrong.byteLength)
      wrong[at] = random.chance(0.5) ? wrong[at]! ^ (1 << random.integer(8)) : random.integer(256)
    }
    return random.chance(0.2) ? wrong.subarray(0, random.integer(wrong.byteLength + 1)) : wrong
  }

  /** A header whose length is not that of what follows, with a checksum of its own that is right. */
  #wrongLength(): Uint8Array {
    const random = this.#random
    const payload = random.bytes(random.integer(PAYLOAD_BYTES_MAX))
    const frame = this.#frame(random.pick(KINDS), payload)
    const view = viewOf(frame)
    view.setUint32(12, random.pick(LENGTHS), true)
    view.setUint32(20, crc32c(frame.subarray(0, 20)), true)
    return frame
  }
}
