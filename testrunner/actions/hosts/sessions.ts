/** Many logins at once, and how many sessions servers count. */
import { isBlockError } from '../../../src/base/errors.ts'
import { TRANSPORTS } from '../../hosts/disk.ts'
import { integer, machineName, oneOf, optional, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { EXPECTATIONS, unmet } from '../shared/expectations.ts'
import { selectSamples } from '../shared/exposition.ts'
import { asValue, couldNot, notAsStated } from '../shared/failures.ts'
import { metricsOfAll } from '../shared/metrics.ts'
import { until } from '../shared/until.ts'
import { volumeName } from '../shared/volumes.ts'
import { hostOf } from './attached.ts'

export const sessionStorm = defineAction({
  name: 'session_storm',
  group: 'host',
  summary: 'Log in to a volume many times at once, read a block in each session, log out, and do so again',
  parameters: {
    volume: volumeName(),
    host: optional(machineName('the machine: h1, h2, …; the first one unless told', ['h'])),
    count: withDefault(integer('sessions at a time', 1, 1000), 32),
    rounds: withDefault(integer('how often', 1, 1000), 1),
    transport: withDefault(oneOf(TRANSPORTS, 'the protocol'), 'iscsi'),
    refused_at_most: withDefault(integer('sessions that may be refused'), 0),
  },
  result: 'sessions that were opened, refused, and ms that it took',
  timeoutMs: 120_000,
  async run(context, { volume, host, count, rounds, transport, refused_at_most }) {
    const { world, clock, signal } = context
    const at = hostOf(world, host)
    const options = { volume, transport, isMultipath: false, isReadOnly: true }
    const beganMs = clock.monotonicMs()
    const refusals: string[] = []
    let opened = 0
    // a kernel has one session of a volume; what runs in user space has as many as it is asked for
    const atOnce = at.kind === 'kernel' ? 1 : count
    const inTurn = at.kind === 'kernel' ? count : 1
    const one = async (): Promise<void> => {
      try {
        const disk = await at.attach(options, signal)
        try {
          await disk.read(0, disk.logicalBlockBytes, signal)
          opened++
        } finally {
          await disk.detach()
        }
      } catch (error) {
        if (signal.aborted || !isBlockError(error)) throw error
        refusals.push(`${error.code}: ${error.message}`)
      }
    }
    for (let round = 0; round < rounds * inTurn && !signal.aborted; round++) {
      await Promise.all(Array.from({ length: atOnce }, one))
      context.progress(`${opened} sessions, ${refusals.length} refused`)
    }
    const ms = Math.round(clock.monotonicMs() - beganMs)
    if (refusals.length > refused_at_most) {
      const some = refusals.slice(0, 5)
      throw couldNot(
        `${refusals.length} of ${opened + refusals.length} sessions were refused: ${some[0]}`,
        some,
      )
    }
    context.sample('session rate', (opened * 1000) / Math.max(1, ms), '1/s')
    return { opened, refused: refusals.length, ms }
  },
})

const SESSION_METRICS = { iscsi: 'basalt_iscsi_sessions', nvme: 'basalt_nvme_sessions' } as const

export const sessionsCount = defineAction({
  name: 'sessions_count',
  group: 'host',
  summary: 'Count the sessions of a volume at all servers, and wait until they are as many as expected',
  parameters: {
    volume: volumeName(),
    transport: withDefault(oneOf(TRANSPORTS, 'the protocol'), 'iscsi'),
    ...EXPECTATIONS,
  },
  result: 'the count',
  timeoutMs: 30_000,
  async run(context, { volume, transport, ...expected }) {
    const isAsked = Object.values(expected).some((value) => value !== undefined)
    const count = async (): Promise<number> => {
      const samples = await metricsOfAll(context.world.cluster.servers)
      return selectSamples(samples, SESSION_METRICS[transport], { volume }).reduce(
        (sum, one) => sum + one.value,
        0,
      )
    }
    if (!isAsked) return count()
    let last = 0
    try {
      return await until(context, `the sessions of ${volume}`, async () => {
        last = await count()
        const fault = unmet(last, expected)
        return fault === null ? { is: last } : { not: fault }
      })
    } catch (error) {
      if (!context.signal.aborted) throw error
      throw notAsStated(`${volume} has ${last} sessions: ${unmet(last, expected)}`, asValue(expected), last)
    }
  },
})
