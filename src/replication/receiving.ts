/**
 * The base of a resync at the replica that lacks it. One session at a time: what was begun for an earlier one is over
 * before the log is cut for the next.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { type SessionRef, sameSession } from '../v2engine/identity.ts'
import type { PeerLink } from './peer-links.ts'
import { ResyncReceiver } from './resync/receiver.ts'
import { encodeResync, type ResyncFrame } from './wire/resync.ts'

type FromPrimary = Parameters<ResyncReceiver['take']>[0]

export class BaseReceiving {
  readonly #storage: ReplicaVolume
  readonly #logger: Logger
  #present: { readonly session: SessionRef; readonly receiver: ResyncReceiver } | undefined
  /** The sessions before are over. */
  #over: Promise<void> = Promise.resolve()

  constructor(storage: ReplicaVolume, logger: Logger) {
    this.#storage = storage
    this.#logger = logger
  }

  /** The history is given up: tells the primary, before `taken` does, what is not known here. */
  begin(session: SessionRef, { link, server }: PeerLink): void {
    const { sink, unknown, name } = this.#storage
    const receiver = new ResyncReceiver({
      session,
      sink,
      install: (state) => this.#storage.installState(state),
      whole: () => this.#storage.baseIsWhole(),
      send: (kind, payload) => link.send(kind, payload),
      onFailed: (error) => {
        this.#logger.warn('replication.base-failed', { volume: name, peer: server }, error)
        // the primary need not wait until the session stalls
        if (isBlockError(error, 'PROTOCOL')) link.refuse('protocol', error.message)
        else link.close()
      },
    })
    this.#present = { session, receiver }
    const { kind, payload } = encodeResync({ kind: 'unknown', session, pages: unknown })
    link.send(kind, payload)
  }

  /** A frame of the primary; of a session that is over it is dropped. */
  take(frame: FromPrimary, release: () => void): void {
    const { session, receiver } = this.#present ?? {}
    if (session !== undefined && sameSession(session, frame.session)) receiver?.take(frame, release)
    else release()
  }

  /** Resolves when everything that came in this session is applied; at once when it brings no base. */
  async settled(session: SessionRef): Promise<void> {
    const present = this.#present
    if (present === undefined || !sameSession(present.session, session)) return
    await present.receiver.settled()
    if (present.receiver.isCopied) return
    throw new BlockError('PROTOCOL', 'the base of a resync is confirmed before all of it was sent')
  }

  /** Nothing more is taken. Resolves when nothing is being applied any more. */
  end(): Promise<void> {
    const present = this.#present
    this.#present = undefined
    if (present !== undefined) this.#over = Promise.all([this.#over, present.receiver.end()]).then()
    return this.#over
  }
}

/** Frames that only a primary sends. */
export const isFromPrimary = (frame: ResyncFrame): frame is FromPrimary =>
  frame.kind !== 'want' && frame.kind !== 'unknown'
