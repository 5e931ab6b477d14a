/** Collects the effects of one step. Only the engine writes to it; what leaves it is `Effects`. */
import type {
  After,
  Effects,
  Envelope,
  LinkCommand,
  Note,
  Persist,
  Reply,
  Serve,
  SessionCommand,
  StorageCommand,
} from './effects.ts'
import type { ConnectionId, ServerId } from './identity.ts'
import type { PeerMessage, ToAuthority } from './messages.ts'

export class Outbox {
  readonly persist: Persist[] = []
  readonly storage: StorageCommand[] = []
  readonly sessions: SessionCommand[] = []
  readonly links: LinkCommand[] = []
  readonly send: Envelope[] = []
  readonly reply: Reply[] = []
  readonly notes: Note[] = []
  halt: { readonly why: string } | null = null
  serve: Serve | null = null

  toPeer(server: ServerId, connection: ConnectionId, message: PeerMessage): void {
    this.send.push({ to: 'peer', server, connection, message })
  }

  toAuthority(message: ToAuthority): void {
    this.send.push({ to: 'authority', message })
  }

  effects(wakeAtMs: number | null): Effects {
    const { serve, storage, sessions, links, send, reply, notes } = this
    const after: After = { serve, storage, sessions, links, send, reply, notes }
    return { halt: this.halt, persist: this.persist, after, wakeAtMs }
  }
}
