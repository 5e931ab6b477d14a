/**
 * The language of the transcripts. A line is an event; `at MS` moves the clock; a line that begins with `. ` is carried
 * out without showing its effects. Epoch N has the id 11 × N unless it is written N/ID.
 *
 *   open 2 log=5 durable=5 [clean] [boot=x] [damaged] [after=1] [madeIn=2]   a new opening, on the marks that were persisted
 *                                                                 (after=N: of the last event only N items were)
 *   seal 2 · assign primary 2 set=v1:a,b mode=sync_all · assign replica 2 · grant 2 asked=0 · setIs 2 v2:a · stop 2
 *   started 2 lsn=6 · log 7 durable=6 · flush 6 · quiet 7 · poisoned · close · tick
 *   up b 1 · down b 1 · pinned s1 [no] · copied s1 · moved s1 · failed s1 [damaged] · settled s1 9 · diverged b 7
 *   b/1 follow log=5 …      a message from b on connection 1; the other kinds alike
 *   joined b 1              b connects, follows, takes its plan and acknowledges everything
 */
import { assert } from '../../../src/base/assert.ts'
import { type Epoch, epochNumber, type Lsn, lsn } from '../../../src/base/units.ts'
import type { Effects } from '../../../src/v2engine/effects.ts'
import type { Happening } from '../../../src/v2engine/events.ts'
import type { History } from '../../../src/v2engine/history.ts'
import {
  connectionId,
  opening,
  type ServerId,
  type SessionRef,
  serverId,
  sessionId,
} from '../../../src/v2engine/identity.ts'
import type { Local, Marks, SetRecord } from '../../../src/v2engine/marks.ts'
import type { Assignment, AuthorityMessage, PeerMessage } from '../../../src/v2engine/messages.ts'
import { openReplica } from '../../../src/v2engine/open.ts'
import type { Plan } from '../../../src/v2engine/plan.ts'
import { DEFAULT_BOUNDS } from '../../../src/v2engine/policy.ts'
import type { ReplicaState } from '../../../src/v2engine/state.ts'
import { step } from '../../../src/v2engine/step.ts'

/** Words of a line: plain ones in order, `key=value` by key, and flags. */
class Words {
  readonly plain: readonly string[]
  readonly #named = new Map<string, string>()

  constructor(text: string) {
    const words = text.trim().split(/\s+/)
    this.plain = words.filter((word) => !word.includes('='))
    for (const word of words) {
      const at = word.indexOf('=')
      if (at > 0) this.#named.set(word.slice(0, at), word.slice(at + 1))
    }
  }

  at(index: number): string {
    const word = this.plain[index]
    assert(word !== undefined, `a word is missing in: ${this.plain.join(' ')}`)
    return word
  }
  text(key: string, otherwise: string): string {
    return this.#named.get(key) ?? otherwise
  }
  number(key: string, otherwise: number): number {
    const text = this.#named.get(key)
    return text === undefined ? otherwise : Number(text)
  }
  lsn(key: string, otherwise: number): Lsn {
    return lsn(this.number(key, otherwise))
  }
  has(flag: string): boolean {
    return this.plain.includes(flag)
  }
  isGiven(key: string): boolean {
    return this.#named.has(key)
  }
}

function epochOf(text: string): Epoch {
  const [number, id] = text.split('/')
  return {
    number: epochNumber(Number(number)),
    id: id === undefined ? BigInt(Number(number) * 11) : BigInt(id),
  }
}

const historyOf = (text: string): History =>
  text === ''
    ? []
    : text.split(',').map((span) => {
        const [epoch, first] = span.split('@')
        return { epoch: epochOf(epoch!), firstLsn: lsn(Number(first)) }
      })

/** `v2:a,b` */
function setOf(text: string, epoch: Epoch): SetRecord {
  const [version, members] = text.split(':')
  return {
    epoch: epoch.number,
    version: Number(version!.slice(1)),
    members: members!.split(',').map(serverId),
  }
}

export class Script {
  readonly #self: ServerId
  #state: ReplicaState | null = null
  #nowMs = 0
  #marks: Marks | null = null
  #before: Marks | null = null
  #last: Effects | null = null
  #local: Local | null = null
  #cut = 0
  #boot = 'boot'
  readonly #sessions = new Map<string, SessionRef>()

  constructor(self: string) {
    this.#self = serverId(self)
  }

  /** Carries one line out; null when it has no effects to show. */
  run(line: string): readonly Effects[] {
    const words = new Words(line)
    const verb = words.at(0)
    if (verb === 'at') {
      this.#nowMs = Number(words.at(1))
      return []
    }
    if (verb === 'open') return [this.#open(words)]
    if (verb === 'joined') return this.#joined(words)
    return [this.#step(this.#happening(verb, words))]
  }

  #open(words: Words): Effects {
    const after = words.number('after', -1)
    if (after >= 0) {
      this.#marks = this.#before
      for (const item of (this.#last?.persist ?? []).slice(0, after)) {
        if (item.kind === 'marks') this.#marks = item.marks
      }
    }
    this.#boot = words.text('boot', this.#boot)
    const local = this.#localOf(words, words.number('log', 0), words.number('log', 0))
    this.#local = local
    this.#cut = 0
    const { state, effects } = openReplica({
      self: this.#self,
      bounds: DEFAULT_BOUNDS,
      nowMs: this.#nowMs,
      opening: opening(Number(words.at(1))),
      bootId: this.#boot,
      stored: this.#marks,
      madeIn: words.isGiven('madeIn') ? epochOf(words.text('madeIn', '')) : null,
      wasClean: words.has('clean'),
      isDamaged: words.has('damaged'),
      local,
      committed: local.checkpoint,
      history: historyOf(words.text('history', '')),
    })
    this.#state = state
    this.#note(effects)
    return effects
  }

  #localOf(words: Words, appended: number, durable: number): Local {
    const before = this.#local
    return {
      appended: lsn(appended),
      durable: words.lsn('durable', durable),
      checkpoint: words.lsn('checkpoint', Math.min(before?.checkpoint ?? 0, appended)),
      image: words.lsn('image', Math.min(before?.image ?? 0, appended)),
      retainedFrom: words.lsn('retained', before?.retainedFrom ?? 1),
      hasUnknown: words.has('unknown'),
    }
  }

  #step(happening: Happening): Effects {
    assert(this.#state !== null, 'it is open')
    this.#before = this.#marks
    const effects = step(this.#state, { ...happening, nowMs: this.#nowMs })
    this.#note(effects)
    return effects
  }

  /** Storage does what it is told; marks are on disk. */
  #note(effects: Effects): void {
    this.#last = effects
    for (const item of effects.persist) {
      if (item.kind === 'marks') this.#marks = item.marks
      if (item.kind === 'dropLog' || item.kind === 'restartLog') this.#cut = item.cut
    }
    for (const command of effects.after.sessions) {
      if (command.kind === 'pin') this.#sessions.set(`s${command.session.id}`, command.session)
    }
    if (this.#state !== null) this.#local = this.#state.local
  }

  #session(text: string): SessionRef {
    const ref = this.#sessions.get(text)
    assert(ref !== undefined, `a session is called ${text}`)
    return ref
  }

  #joined(words: Words): Effects[] {
    const state = this.#state
    assert(state !== null, 'it is open')
    const [, server, connection] = words.plain
    const head = state.local.appended
    const history = state.adopted.map((span) => `${span.epoch.number}/${span.epoch.id}@${span.firstLsn}`)
    const from = `${server}/${connection}`
    const done = [
      `up ${server} ${connection}`,
      `${from} follow log=${head} history=${history.join(',')} ${words.has('doubtful') ? 'doubtful' : ''}`,
    ].map((line) => this.run(line))
    const name = [...this.#sessions.keys()].at(-1)
    const rest = [`pinned ${name}`, `${from} taken ${name}`, `${from} ack ${name} ${head}`]
    return [...done, ...rest.map((line) => this.run(line))].flat()
  }

  #happening(verb: string, words: Words): Happening {
    if (verb.includes('/')) {
      const [server, connection] = verb.split('/')
      const message = this.#message(words.at(1), words)
      const sender = {
        server: serverId(server === '-' ? '' : server!),
        connection: connectionId(Number(connection)),
      }
      return { kind: 'peer', ...sender, message }
    }
    switch (verb) {
      case 'seal':
      case 'assign':
      case 'grant':
      case 'setIs':
      case 'stop':
        return { kind: 'authority', message: this.#fromAuthority(verb, words) }
      case 'started':
        return { kind: 'epochStarted', cut: this.#cut, epoch: epochOf(words.at(1)), lsn: words.lsn('lsn', 0) }
      case 'log': {
        const appended = Number(words.at(1))
        const local = this.#localOf(words, appended, this.#local?.durable ?? 0)
        return { kind: 'progress', cut: words.number('cut', this.#cut), local }
      }
      case 'flush':
        return { kind: 'flushAsked', lsn: lsn(Number(words.at(1))) }
      case 'quiet':
        return { kind: 'quiet', lsn: lsn(Number(words.at(1))) }
      case 'up':
        return {
          kind: 'linkUp',
          server: serverId(words.at(1)),
          connection: connectionId(Number(words.at(2))),
        }
      case 'down': {
        const connection = words.at(2) === 'none' ? null : connectionId(Number(words.at(2)))
        return { kind: 'linkDown', server: serverId(words.at(1)), connection }
      }
      case 'pinned':
        return { kind: 'pinned', session: this.#session(words.at(1)), isHeld: !words.has('no') }
      case 'copied':
      case 'moved':
        return { kind: 'sessionMoved', session: this.#session(words.at(1)), isCopied: verb === 'copied' }
      case 'failed':
        return {
          kind: 'sessionFailed',
          session: this.#session(words.at(1)),
          why: words.has('damaged') ? 'source damaged' : 'log no longer retained',
        }
      case 'settled':
        return { kind: 'settled', session: this.#session(words.at(1)), lsn: lsn(Number(words.at(2))) }
      case 'diverged':
        return { kind: 'diverged', server: serverId(words.at(1)), lsn: lsn(Number(words.at(2))) }
      case 'poisoned':
      case 'close':
      case 'tick':
        return { kind: verb }
      default:
        throw new Error(`no event is called ${verb}`)
    }
  }

  #fromAuthority(verb: 'seal' | 'assign' | 'grant' | 'setIs' | 'stop', words: Words): AuthorityMessage {
    const epoch = epochOf(words.at(verb === 'assign' ? 2 : 1))
    switch (verb) {
      case 'assign':
        return this.#assignment(words)
      case 'seal':
      case 'stop':
        return { kind: verb, epoch }
      case 'grant': {
        const ours = opening(words.number('opening', this.#marks?.opening ?? 0))
        const leaseMs = DEFAULT_BOUNDS.leaseMs
        return { kind: 'grant', epoch, opening: ours, askedAtMs: words.number('asked', 0), leaseMs }
      }
      case 'setIs':
        return { kind: 'setIs', epoch, set: setOf(words.at(2), epoch) }
    }
  }

  #assignment(words: Words): Assignment {
    const epoch = epochOf(words.at(2))
    const set = setOf(words.text('set', 'v1:a,b'), epoch)
    const servers = words.text('replicas', set.members.join(',')).split(',').map(serverId)
    const mode = words.text('mode', 'sync_all')
    return {
      kind: 'assign',
      epoch,
      role: words.at(1) === 'primary' ? 'primary' : 'replica',
      primary: serverId(words.text('leader', this.#self)),
      opening: opening(words.number('opening', this.#marks?.opening ?? 0)),
      replicas: servers.map((server) => ({ server, endpoint: words.text(server, `${server}:7460`) })),
      set,
      policy: {
        mode:
          mode === 'sync_quorum'
            ? { kind: 'sync_quorum' }
            : mode === 'best_effort'
              ? { kind: 'best_effort', maxLagEntries: words.number('maxLag', 10), maxLagMs: 2000 }
              : { kind: 'sync_all', minInSync: words.number('min', 1) },
        replicaFactor: words.number('rf', Math.max(2, servers.length)),
      },
    }
  }

  #message(kind: string, words: Words): PeerMessage {
    const word = (index: number): string => words.at(index + 1)
    const session = (): SessionRef => this.#session(word(1))
    switch (kind) {
      case 'lead':
        return { kind, epoch: epochOf(word(1)), opening: opening(words.number('opening', 1)) }
      case 'plan':
        return this.#plan(words)
      case 'entries': {
        const [first, last] = word(2).split('..')
        const commit = words.lsn('commit', 0)
        return { kind, session: session(), first: lsn(Number(first)), last: lsn(Number(last)), commit }
      }
      case 'pulse': {
        const epoch = epochOf(word(1))
        const set = setOf(words.text('set', 'v1:a,b'), epoch)
        return { kind, epoch, askedAtMs: words.number('asked', 0), commit: words.lsn('commit', 0), set }
      }
      case 'barrier':
      case 'confirmed':
        return { kind, session: session(), lsn: lsn(Number(word(2))) }
      case 'release':
      case 'fence':
        return { kind, epoch: epochOf(word(1)) }
      case 'follow': {
        const appended = words.lsn('log', 0)
        const base = words.isGiven('base') ? words.lsn('base', 0) : null
        return {
          kind,
          epoch: epochOf(words.text('epoch', String(this.#marks?.sealed.number ?? 0))),
          opening: opening(words.number('opening', 1)),
          history: historyOf(words.text('history', '')),
          appended,
          durable: words.lsn('durable', appended),
          image: words.lsn('image', 0),
          hasUnknown: words.has('unknown'),
          standing: {
            isDoubtful: words.has('doubtful'),
            isDamaged: words.has('damaged'),
            isResyncing: base !== null,
          },
          resyncBase: base,
        }
      }
      case 'taken':
        return { kind, session: session() }
      case 'refused':
        return { kind, session: session(), why: 'plan does not fit' }
      case 'ack': {
        const appended = lsn(Number(word(2)))
        return { kind, session: session(), appended, durable: words.lsn('durable', 0) }
      }
      case 'promise':
        return { kind, epoch: epochOf(word(1)), askedAtMs: words.number('asked', 0) }
      default:
        throw new Error(`no message is called ${kind}`)
    }
  }

  /** `plan s1 catchUp D=5 R=5 S=1 H=9 drop=5 history=…`, `plan s1 resync base=3 target=7 …` */
  #plan(words: Words): PeerMessage {
    const epoch = epochOf(words.text('epoch', String(this.#marks?.sealed.number ?? 0)))
    const ref: SessionRef = {
      id: sessionId(Number(words.at(2).slice(1))),
      epoch,
      primaryOpening: opening(words.number('primaryOpening', 1)),
      replicaOpening: opening(words.number('replicaOpening', this.#marks?.opening ?? 0)),
    }
    this.#sessions.set(words.at(2), ref)
    const proof = { D: words.lsn('D', 0), R: words.lsn('R', 0), S: words.lsn('S', 1), H: words.lsn('H', 0) }
    const history = historyOf(words.text('history', ''))
    const common = { proof, history, isDamaged: words.has('damaged') }
    const kind = words.at(3)
    const plan: Plan =
      kind === 'resync'
        ? { kind, ...common, base: words.lsn('base', 0), target: words.lsn('target', 0) }
        : { kind: kind === 'inSync' ? 'inSync' : 'catchUp', ...common, dropAbove: words.lsn('drop', 0) }
    return { kind: 'plan', session: ref, plan, commit: words.lsn('commit', 0) }
  }
}
