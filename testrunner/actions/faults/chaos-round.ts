/** One kind of harm out of several, in an order that a seed decides: the same seed and rounds do the same to the same roles. */
import { createHash } from 'node:crypto'
import { duration, integer, listOf, oneOf, withDefault } from '../../model/parameters.ts'
import type { ValueMap } from '../../model/value.ts'
import { type Action, type ActionContext, defineAction } from '../action.ts'
import { SERVER_START } from '../cluster/daemons.ts'
import { badArgument } from '../shared/failures.ts'
import { serverOf } from '../shared/servers.ts'
import { pause } from '../shared/until.ts'
import { volumeName } from '../shared/volumes.ts'
import { VOLUME_PROMOTE } from '../volumes/volume-changes.ts'
import { delay, heal, isolate } from './links.ts'
import { serverKill, serverPause, serverResume } from './processes.ts'

const KINDS = [
  ...(['kill leader', 'kill replica', 'pause leader', 'pause replica'] as const),
  ...(['isolate leader', 'isolate replica', 'slow leader', 'slow replica', 'promote'] as const),
] as const
type Kind = (typeof KINDS)[number]

const SHORTEST_MS = 200
const SLOW_MS = 100

export interface Draw<T> {
  readonly kind: T
  /** From 200 ms to what was asked for. */
  readonly holdMs: number
}

/** What round `round` (from 1) of `seed` does. Each `kinds.length` rounds in a row do every kind once. Pure. */
export function drawHarm<T>(seed: number, round: number, kinds: readonly T[], longestMs: number): Draw<T> {
  const lap = Math.floor((round - 1) / kinds.length)
  const order = kinds
    .map((kind, i) => ({ kind, rank: numberOf(`${seed} ${lap} ${i}`) }))
    .sort((a, b) => a.rank - b.rank)
  const drawn = order[(round - 1) % kinds.length]
  if (drawn === undefined) throw badArgument('kinds: there must be one', [])
  const span = Math.max(0, longestMs - SHORTEST_MS)
  return { kind: drawn.kind, holdMs: SHORTEST_MS + Math.round(span * numberOf(`hold ${seed} ${round}`)) }
}

/** From 0 to below 1. */
const numberOf = (name: string): number =>
  createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32

interface Harm {
  readonly begin: Action
  readonly begun: ValueMap
  readonly end: Action | null
  readonly ended: ValueMap
}

function harmOf(kind: Kind, volume: string, server: string): Harm {
  const one = { server }
  switch (kind) {
    case 'kill leader':
    case 'kill replica':
      return { begin: serverKill, begun: one, end: SERVER_START, ended: { server: [server] } }
    case 'pause leader':
    case 'pause replica':
      return { begin: serverPause, begun: one, end: serverResume, ended: one }
    case 'isolate leader':
    case 'isolate replica':
      return { begin: isolate, begun: { machine: server }, end: heal, ended: { machine: server } }
    case 'slow leader':
    case 'slow replica':
      return {
        begin: delay,
        begun: { machines: [server], delay: SLOW_MS, jitter: 0 },
        end: heal,
        ended: { machine: server },
      }
    case 'promote':
      return {
        begin: VOLUME_PROMOTE,
        begun: { volume, to: server, force: false, reason: 'a scenario' },
        end: null,
        ended: {},
      }
  }
}

export const chaosRound = defineAction({
  name: 'chaos_round',
  group: 'fault',
  summary:
    'Does one of several kinds of harm for a while and ends it; a seed and the round decide which and for how long',
  parameters: {
    volume: volumeName(),
    seed: integer('decides the order', 0),
    round: integer('which one, from 1: give {{ round }}', 1),
    kinds: listOf(oneOf(KINDS, 'what may be done')),
    hold: withDefault(duration('the longest time that it stays on'), '5s'),
  },
  result: 'kind, server, hold_ms',
  needs: ['partition', 'netem'],
  timeoutMs: 300_000,
  isFault: true,
  async run(context, { volume, seed, round, kinds, hold }) {
    const { kind, holdMs } = drawHarm(seed, round, kinds, hold)
    const role = kind.endsWith('leader') ? 'leader' : 'replica'
    const { name } = await serverOf(context, `${role}:${volume}`)
    context.progress(`${kind}: ${name} for ${holdMs} ms`)
    await harm(context, harmOf(kind, volume, name), holdMs)
    return { kind, server: name, hold_ms: holdMs }
  },
})

async function harm(
  context: ActionContext,
  { begin, begun, end, ended }: Harm,
  holdMs: number,
): Promise<void> {
  await begin.run(context, begun)
  await pause(context, holdMs)
  await end?.run(context, ended)
}
