/** Links between machines are cut, slowed and made to lose, until they are healed. */
import type { Impairment } from '../../backends/backend.ts'
import {
  duration,
  listOf,
  machineName,
  number,
  optional,
  size,
  truth,
  withDefault,
} from '../../model/parameters.ts'
import { type ActionContext, defineAction, type World } from '../action.ts'
import { badArgument } from '../shared/failures.ts'
import { endHarm } from '../shared/harm.ts'
import { serverOf } from '../shared/servers.ts'
import { doHarm } from './damage.ts'

const EVERYONE = '*'
const MACHINES = 'm1, s1, h1, … or as servers are named elsewhere: leader:VOLUME, replica:VOLUME'

/** Name of the machine that `name` means. */
async function machineOf(context: ActionContext, name: string): Promise<string> {
  if (name === EVERYONE || context.world.place.machines.has(name)) return name
  return (await serverOf(context, name)).machine.name
}

const machinesOf = (context: ActionContext, names: readonly string[]): Promise<string[]> =>
  Promise.all(names.map((name) => machineOf(context, name)))

/** What is on, by machine: each is healed by its name or by all. */
const HARMED = 'harmed links'

interface Harmed {
  readonly what: string
  readonly machines: readonly string[]
}

const harmedOf = ({ shared }: World): readonly Harmed[] =>
  (shared.get(HARMED) as readonly Harmed[] | undefined) ?? []

function harmed(context: ActionContext, what: string, machines: readonly string[]): void {
  const { world } = context
  if (harmedOf(world).some((one) => one.what === what)) return
  if (!world.shared.has(HARMED)) world.atEnd('links are healed', () => world.place.network.heal())
  world.shared.set(HARMED, [...harmedOf(world), { what, machines }])
  doHarm(context, what)
}

export const partition = defineAction({
  name: 'partition',
  group: 'fault',
  summary: 'Cut the links between some machines and others: what is under way and what comes goes silent',
  parameters: {
    a: listOf(machineName(MACHINES)),
    b: listOf(machineName(`the other side, likewise; ${EVERYONE} for every other machine`)),
    one_way: withDefault(truth('only what a sends to b is lost'), false),
  },
  result: 'a and b, as names of machines',
  needs: ['partition'],
  isFault: true,
  async run(context, { a, b, one_way }) {
    const [from, to] = [await machinesOf(context, a), await machinesOf(context, b)]
    if (from.some((name) => to.includes(name)))
      throw badArgument('a machine cannot be on both sides of a cut', [...from, ...to])
    for (const one of from) {
      for (const other of to) await context.world.place.network.cut(one, other, one_way)
    }
    harmed(context, `${from.join(' ')} ${one_way ? 'to' : 'and'} ${to.join(' ')} cut`, [...from, ...to])
    return { a: from, b: to }
  },
})

export const isolate = defineAction({
  name: 'isolate',
  group: 'fault',
  summary: 'Cut a machine off from every other one',
  parameters: { machine: machineName(MACHINES) },
  result: 'the name of the machine',
  needs: ['partition'],
  isFault: true,
  async run(context, { machine }) {
    const name = await machineOf(context, machine)
    await context.world.place.network.cut(name, EVERYONE)
    harmed(context, `${name} isolated`, [name])
    return name
  },
})

const NONE: Impairment = { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }
const impairedKey = (machine: string): string => `impairment of ${machine}`

/** On top of what is told of each machine already. */
async function impair(
  context: ActionContext,
  names: readonly string[],
  more: Partial<Impairment>,
): Promise<string[]> {
  const { shared, place } = context.world
  const machines = await machinesOf(context, names)
  for (const machine of machines) {
    const all = { ...NONE, ...(shared.get(impairedKey(machine)) as Impairment | undefined), ...more }
    await place.network.impair(machine, all)
    shared.set(impairedKey(machine), all)
    harmed(context, `${machine} slow`, [machine])
  }
  return machines
}

export const delay = defineAction({
  name: 'delay',
  group: 'fault',
  summary: 'Make everything late that a machine sends and gets, and limit its rate if told',
  parameters: {
    machines: listOf(machineName(MACHINES)),
    delay: duration('each packet, in each direction'),
    jitter: withDefault(duration('up to so much more or less'), '0ms'),
    bytes_per_second: optional(size('the most that gets through')),
  },
  result: 'the names of the machines',
  needs: ['netem'],
  isFault: true,
  run: (context, { machines, delay: delayMs, jitter: jitterMs, bytes_per_second }) =>
    impair(context, machines, {
      delayMs,
      jitterMs,
      ...(bytes_per_second === undefined ? {} : { bytesPerSecond: bytes_per_second }),
    }),
})

export const loss = defineAction({
  name: 'loss',
  group: 'fault',
  summary:
    'Lose a part of the packets of a machine; where there are none, what is lost comes late, as sent again',
  parameters: { machines: listOf(machineName(MACHINES)), percent: number('of all packets, 0 to 100') },
  result: 'the names of the machines',
  needs: ['netem'],
  isFault: true,
  run(context, { machines, percent }) {
    if (percent < 0 || percent > 100) throw badArgument(`percent must be between 0 and 100, not ${percent}`)
    return impair(context, machines, { lossPercent: percent })
  },
})

export const heal = defineAction({
  name: 'heal',
  group: 'fault',
  summary: 'End cuts, delay and loss of a machine, or of all',
  parameters: { machine: optional(machineName(`${MACHINES}; all unless told`)) },
  async run(context, { machine }) {
    const { world } = context
    const name = machine === undefined ? undefined : await machineOf(context, machine)
    await world.place.network.heal(name)
    const isHealed = ({ machines }: Harmed): boolean => name === undefined || machines.includes(name)
    const healed = harmedOf(world).filter(isHealed)
    world.shared.set(
      HARMED,
      harmedOf(world).filter((one) => !isHealed(one)),
    )
    for (const { what, machines } of healed) {
      for (const one of machines) world.shared.delete(impairedKey(one))
      endHarm(context, what)
    }
    return undefined
  },
})
