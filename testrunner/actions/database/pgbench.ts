/** pgbench on a mounted volume: what its clients were told is committed is there after a crash. */
import { StepFailure } from '../../model/failure.ts'
import type { Need } from '../../model/need.ts'
import { duration, integer, truth, withDefault } from '../../model/parameters.ts'
import { defineAction, type World } from '../action.ts'
import { KERNEL, type Mount, mountOf } from '../files/mounts.ts'
import { ATTACHED } from '../hosts/attached.ts'
import { asValue, couldNot } from '../shared/failures.ts'
import { parsePgbench, parseSums, SUMS_QUERY } from './pgbench-output.ts'
import { PostgreSql } from './postgresql.ts'

const NEEDS: readonly Need[] = ['postgresql', ...KERNEL]
const DATABASE = 'postgres'

const keyOf = ({ volume }: Mount): string => `postgresql on ${volume}`

function postgreSqlOn({ shared }: World, mount: Mount): PostgreSql {
  const found = shared.get(keyOf(mount)) as PostgreSql | undefined
  if (found !== undefined) return found
  throw couldNot(`pgbench_init did not make a database on ${mount.volume}`)
}

export const pgbenchInit = defineAction({
  name: 'pgbench_init',
  group: 'database',
  summary: 'Start a PostgreSQL on a mounted volume, and fill the tables of pgbench',
  parameters: { ...ATTACHED, scale: withDefault(integer('100,000 accounts each, 15 MiB', 1, 1000), 1) },
  needs: NEEDS,
  timeoutMs: 300_000,
  async run(context, { scale, ...name }) {
    const { world } = context
    const mount = mountOf(world, name)
    const server = await PostgreSql.make(context, mount)
    world.atEnd(`PostgreSQL on ${mount.volume}`, () => server.kill())
    await server.start(context)
    await server.client(context, 'pgbench', '-i', '-q', '-s', `${scale}`, DATABASE)
    world.shared.set(keyOf(mount), server)
    return undefined
  },
})

export const pgbenchRun = defineAction({
  name: 'pgbench_run',
  group: 'database',
  summary: 'Run pgbench for a while, and tell its figures',
  parameters: {
    ...ATTACHED,
    clients: withDefault(integer('connections at once', 1, 256), 4),
    runtime: withDefault(duration('how long, in whole seconds'), '10s'),
  },
  result: 'transactions, failed, tps, latency_ms',
  needs: NEEDS,
  timeoutMs: 900_000,
  async run(context, { clients, runtime, ...name }) {
    const server = postgreSqlOn(context.world, mountOf(context.world, name))
    const seconds = Math.max(1, Math.round(runtime / 1000))
    const stdout = await server.client(
      context,
      'pgbench',
      '-n',
      '-c',
      `${clients}`,
      '-T',
      `${seconds}`,
      DATABASE,
    )
    const figures = parsePgbench(stdout)
    server.acknowledged += figures.transactions
    if (figures.failed > 0) throw couldNot(`${figures.failed} transactions failed`, asValue(figures))
    context.sample('pgbench rate', figures.tps, '1/s')
    context.sample('pgbench latency', figures.latency_ms, 'ms')
    return asValue(figures)
  },
})

export const pgbenchCheck = defineAction({
  name: 'pgbench_check',
  group: 'database',
  summary:
    'Kill PostgreSQL, let it recover from the volume, and check that its sums agree and no transaction is missing that was told to be committed',
  parameters: { ...ATTACHED, crash: withDefault(truth('kill it first; else look at it as it runs'), true) },
  result: 'transactions in the history, acknowledged: how many had to be there',
  needs: NEEDS,
  timeoutMs: 300_000,
  async run(context, { crash, ...name }) {
    const server = postgreSqlOn(context.world, mountOf(context.world, name))
    if (crash) await server.kill()
    if (!server.isRunning) await server.start(context)
    const answer = await server.client(context, 'psql', '-At', '-c', SUMS_QUERY, DATABASE)
    const sums = parseSums(answer)
    if (sums === undefined) throw couldNot('psql answered what is not understood', answer.slice(-2000))
    const { acknowledged } = server
    if (acknowledged === 0) throw couldNot('pgbench_run did nothing yet: this would prove nothing')
    const evidence = { answer: answer.trim(), acknowledged }
    if (!sums.isBalanced)
      throw new StepFailure('DATA_MISMATCH', 'the balances of pgbench do not agree', evidence)
    if (sums.history < acknowledged)
      throw new StepFailure(
        'DATA_MISMATCH',
        `${acknowledged - sums.history} committed transactions are missing`,
        evidence,
      )
    return { transactions: sums.history, acknowledged }
  },
})
