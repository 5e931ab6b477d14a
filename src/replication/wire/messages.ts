/**
 * The messages of v2engine as frames. One table: the kind of each message, how it is written and how it is read, so
 * that none can be sent that cannot be read. What APPEND carries besides (the entries themselves) follows in the same
 * payload and is not looked at here.
 */
import type { Standing } from '../../v2engine/marks.ts'
import type { PeerMessage } from '../../v2engine/messages.ts'
import type { Plan, Proof } from '../../v2engine/plan.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { FRAME, type FrameKind } from './frame.ts'
import {
  readEpoch,
  readFlags,
  readHistory,
  readLsn,
  readOpening,
  readSession,
  readSet,
  writeEpoch,
  writeFlags,
  writeHistory,
  writeSession,
  writeSet,
} from './parts.ts'

const PLAN_KINDS = ['inSync', 'catchUp', 'resync'] as const
const REFUSALS = ['image beyond common', 'log does not reach', 'plan does not fit'] as const

const writeProof = (w: ByteWriter, { D, R, S, H }: Proof): ByteWriter => w.u64(D).u64(R).u64(S).u64(H)
const readProof = (r: ByteReader): Proof => ({ D: readLsn(r), R: readLsn(r), S: readLsn(r), H: readLsn(r) })

function writePlan(w: ByteWriter, plan: Plan): ByteWriter {
  w.u8(PLAN_KINDS.indexOf(plan.kind))
  writeFlags(w, [plan.isDamaged])
  writeProof(w, plan.proof)
  if (plan.kind === 'resync') w.u64(plan.base).u64(plan.target)
  else w.u64(plan.dropAbove).u64(0)
  return writeHistory(w, plan.history)
}
function readPlan(r: ByteReader): Plan {
  const kind = r.choice(PLAN_KINDS)
  const [isDamaged = false] = readFlags(r, 1)
  const proof = readProof(r)
  const first = readLsn(r)
  const second = readLsn(r)
  const history = readHistory(r)
  if (kind === 'resync') {
    if (first > second) r.fail()
    return { kind, proof, isDamaged, base: first, target: second, history }
  }
  return { kind, proof, isDamaged, dropAbove: first, history }
}

const writeStanding = (w: ByteWriter, standing: Standing, more: readonly boolean[]): ByteWriter =>
  writeFlags(w, [standing.isDoubtful, standing.isDamaged, standing.isResyncing, ...more])

type MessageKind = PeerMessage['kind']
interface Codec<M extends PeerMessage> {
  readonly frame: FrameKind
  write(w: ByteWriter, message: M): ByteWriter
  read(r: ByteReader): M
}
const codec = <M extends PeerMessage>(one: Codec<M>): Codec<M> => one
type Of<K extends MessageKind> = Extract<PeerMessage, { readonly kind: K }>

/** Every message there is; the compiler asks for the missing one. */
const CODECS: { readonly [K in MessageKind]: Codec<Of<K>> } = {
  lead: codec<Of<'lead'>>({
    frame: FRAME.lead,
    write: (w, m) => writeEpoch(w, m.epoch).u64(m.opening),
    read: (r) => ({ kind: 'lead', epoch: readEpoch(r), opening: readOpening(r) }),
  }),
  plan: codec<Of<'plan'>>({
    frame: FRAME.plan,
    write: (w, m) => writePlan(writeSession(w, m.session).u64(m.commit), m.plan),
    read: (r) => {
      const session = readSession(r)
      const commit = readLsn(r)
      return { kind: 'plan', session, commit, plan: readPlan(r) }
    },
  }),
  entries: codec<Of<'entries'>>({
    frame: FRAME.append,
    write: (w, m) => writeSession(w, m.session).u64(m.first).u64(m.last).u64(m.commit),
    read: (r) => {
      const session = readSession(r)
      const [first, last, commit] = [readLsn(r), readLsn(r), readLsn(r)]
      if (first < 1 || first > last) r.fail()
      return { kind: 'entries', session, first, last, commit }
    },
  }),
  pulse: codec<Of<'pulse'>>({
    frame: FRAME.keepalive,
    write: (w, m) => writeSet(writeEpoch(w, m.epoch).u64(m.askedAtMs).u64(m.commit), m.set),
    read: (r) => ({
      kind: 'pulse',
      epoch: readEpoch(r),
      askedAtMs: r.u64(),
      commit: readLsn(r),
      set: readSet(r),
    }),
  }),
  barrier: codec<Of<'barrier'>>({
    frame: FRAME.barrier,
    write: (w, m) => writeSession(w, m.session).u64(m.lsn),
    read: (r) => ({ kind: 'barrier', session: readSession(r), lsn: readLsn(r) }),
  }),
  release: codec<Of<'release'>>({
    frame: FRAME.release,
    write: (w, m) => writeEpoch(w, m.epoch),
    read: (r) => ({ kind: 'release', epoch: readEpoch(r) }),
  }),
  follow: codec<Of<'follow'>>({
    frame: FRAME.follow,
    write: (w, m) => {
      writeEpoch(w, m.epoch).u64(m.opening).u64(m.appended).u64(m.durable).u64(m.image)
      writeStanding(w, m.standing, [m.hasUnknown, m.resyncBase !== null]).u64(m.resyncBase ?? 0)
      return writeHistory(w, m.history)
    },
    read: (r) => {
      const epoch = readEpoch(r)
      const from = readOpening(r)
      const [appended, durable, image] = [readLsn(r), readLsn(r), readLsn(r)]
      const [
        isDoubtful = false,
        isDamaged = false,
        isResyncing = false,
        hasUnknown = false,
        hasBase = false,
      ] = readFlags(r, 5)
      const base = readLsn(r)
      if (durable > appended) r.fail()
      return {
        kind: 'follow',
        epoch,
        opening: from,
        appended,
        durable,
        image,
        standing: { isDoubtful, isDamaged, isResyncing },
        hasUnknown,
        resyncBase: hasBase ? base : null,
        history: readHistory(r),
      }
    },
  }),
  taken: codec<Of<'taken'>>({
    frame: FRAME.taken,
    write: (w, m) => writeSession(w, m.session),
    read: (r) => ({ kind: 'taken', session: readSession(r) }),
  }),
  refused: codec<Of<'refused'>>({
    frame: FRAME.refused,
    write: (w, m) => writeSession(w, m.session).u8(REFUSALS.indexOf(m.why)),
    read: (r) => ({ kind: 'refused', session: readSession(r), why: r.choice(REFUSALS) }),
  }),
  ack: codec<Of<'ack'>>({
    frame: FRAME.ack,
    write: (w, m) => writeSession(w, m.session).u64(m.appended).u64(m.durable),
    read: (r) => {
      const session = readSession(r)
      const [appended, durable] = [readLsn(r), readLsn(r)]
      if (durable > appended) r.fail()
      return { kind: 'ack', session, appended, durable }
    },
  }),
  confirmed: codec<Of<'confirmed'>>({
    frame: FRAME.confirmed,
    write: (w, m) => writeSession(w, m.session).u64(m.lsn),
    read: (r) => ({ kind: 'confirmed', session: readSession(r), lsn: readLsn(r) }),
  }),
  promise: codec<Of<'promise'>>({
    frame: FRAME.promise,
    write: (w, m) => writeEpoch(w, m.epoch).u64(m.askedAtMs),
    read: (r) => ({ kind: 'promise', epoch: readEpoch(r), askedAtMs: r.u64() }),
  }),
  fence: codec<Of<'fence'>>({
    frame: FRAME.fence,
    write: (w, m) => writeEpoch(w, m.epoch),
    read: (r) => ({ kind: 'fence', epoch: readEpoch(r) }),
  }),
}
const BY_FRAME = new Map<FrameKind, Codec<PeerMessage>>(
  Object.values(CODECS).map((one) => [one.frame, one as Codec<PeerMessage>]),
)

/** The frame of a message. Of APPEND this is the beginning of the payload; the entries follow. */
export function encodeMessage(message: PeerMessage): {
  readonly kind: FrameKind
  readonly payload: Uint8Array
} {
  const { frame, write } = CODECS[message.kind] as Codec<PeerMessage>
  return { kind: frame, payload: write(new ByteWriter(), message).done() }
}

/**
 * The message in a payload, and where what follows it begins: only APPEND may have more. Undefined when the payload is
 * not one, or contradicts itself.
 */
export function decodeMessage(
  kind: FrameKind,
  payload: Uint8Array,
): { readonly message: PeerMessage; readonly endBytes: number } | undefined {
  const reader = new ByteReader(payload)
  const message = BY_FRAME.get(kind)?.read(reader)
  if (message === undefined || !reader.isValid) return undefined
  if (!reader.isDone && message.kind !== 'entries') return undefined
  return { message, endBytes: reader.position }
}

/** Whether such a frame carries a message. */
export const isMessage = (kind: FrameKind): boolean => BY_FRAME.has(kind)
