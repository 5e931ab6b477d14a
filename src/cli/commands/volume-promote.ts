/**
 * `basalt volume promote`: another replica leads. Refused, it shows what preflight finds; forced, it says before what may be
 * lost. It waits until it can say who leads, and what was lost.
 */
import { isBlockError } from '../../base/errors.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import { fetchEvents } from '../../client/wire/cluster.ts'
import { fetchServer } from '../../client/wire/server.ts'
import { type ClusterVolume, fetchVolume, Preflight, Promoted, volumePath } from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, NO_WAIT, VOLUME, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { renderFacts } from '../table.ts'
import { preflightFacts, volumeFacts } from '../views/volume.ts'
import { serverNamesFor } from './server-names.ts'

export const VOLUME_PROMOTE: CommandDescription = {
  words: ['volume', 'promote'],
  summary: 'have another replica lead, also after the primary was lost',
  args: [VOLUME],
  flags: [
    { name: 'to', placeholder: 'SERVER', help: 'the one that is to lead; the best unless given' },
    {
      name: 'force',
      placeholder: undefined,
      help: 'even when acknowledged writes may be lost; see preflight',
    },
    { name: 'dry-run', placeholder: undefined, help: 'only show what preflight finds, also of --to' },
    { name: 'reason', placeholder: 'TEXT', help: 'for the event log' },
    YES,
    { ...NO_WAIT, help: 'do not wait until somebody serves it' },
  ],
  service: 'master',
  run: promote,
}

const LOOK_EVERY_MS = 500
/** A forced promotion waits for the last lease and promises, and 2 s for who may still answer. */
const LOOKS_MAX = 40
const EVENTS = 50

async function promote(call: Call): Promise<void> {
  const api = await call.connect()
  const name = call.arg('VOLUME')
  const force = call.isSet('force')
  if (call.isSet('dry-run')) return await judge(call, api, name)
  const before = await fetchVolume(api, name)
  if (force) await sayWhatMayBeLost(call, api, name)
  const body = { target_server: call.text('to'), force, reason: call.text('reason') ?? '' }
  let promoted: Promoted
  try {
    promoted = await api.post(volumePath(name, 'promote'), Promoted, body)
  } catch (error) {
    if (isBlockError(error) && error.facts.unsafe === true) await sayWhyNot(call, api, name)
    throw error
  }
  const isUnchanged = before.serving && promoted.epoch === before.epoch
  if (isUnchanged) {
    call.stderr.write(`nothing has changed: ${body.target_server} leads '${before.name}' already\n`)
  }
  const isWaiting = !isUnchanged && !call.isSet('no-wait')
  const volume = isWaiting ? await waitForLead(call, api, promoted) : promoted.volume
  call.printFacts(volume, () => volumeFacts(volume))
}

/** What preflight finds, and whether the server that is asked for could lead. */
async function judge(call: Call, api: ApiClient, name: string): Promise<void> {
  const to = call.text('to')
  const target = to === undefined ? undefined : await fetchServer(api, to)
  const found = await fetchPreflight(api, name)
  const { replicas } = await fetchVolume(api, name)
  const nameOf = await serverNamesFor(call, api)
  call.printFacts(found, () => [
    ...preflightFacts(found, nameOf),
    ...(target === undefined ? [] : [['asked for', targetText(target)] satisfies [string, string]]),
  ])

  function targetText({ id, name: server }: { readonly id: string; readonly name: string }): string {
    const rejection = found.rejections.find((one) => one.server === id)
    if (rejection !== undefined) return rejection.message
    if (!replicas.some((one) => one.server === id)) return `${server} has no replica of it`
    return found.promotable ? `${server} can lead` : `${server} cannot lead now (${found.reason})`
  }
}

const fetchPreflight = (api: ApiClient, name: string): Promise<Preflight> =>
  api.get(volumePath(name, 'preflight'), Preflight)

async function sayWhatMayBeLost(call: Call, api: ApiClient, name: string): Promise<void> {
  const { at_risk: atRisk, unreached } = await fetchPreflight(api, name)
  const nameOf = await serverNamesFor(call, api)
  const lost =
    atRisk === null
      ? `A forced promotion of '${name}' loses nothing that the master knows of.`
      : `A forced promotion of '${name}' may lose what was acknowledged from LSN ${atRisk.first_lsn} to ${atRisk.last_lsn}.`
  const silent =
    unreached.length === 0
      ? ''
      : ` Not reached, and perhaps still serving: ${unreached.map(nameOf).join(', ')}.`
  if (call.isSet('yes')) call.stderr.write(`${lost}${silent}\n`)
  else await confirm(call, { consequence: `${lost}${silent}`, name })
}

/** On stderr: what is refused has no result. */
async function sayWhyNot(call: Call, api: ApiClient, name: string): Promise<void> {
  const found = await fetchPreflight(api, name)
  const nameOf = await serverNamesFor(call, api)
  call.stderr.write(renderFacts(preflightFacts(found, nameOf)))
}

/** The volume when it is served in that epoch or a later one; as it is, when that takes too long. Says what was lost. */
async function waitForLead(call: Call, api: ApiClient, promoted: Promoted): Promise<ClusterVolume> {
  const { id } = promoted.volume
  let volume = promoted.volume
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (volume.serving && volume.epoch >= promoted.epoch) break
    await call.terminal.pause(LOOK_EVERY_MS)
    volume = await fetchVolume(api, id)
  }
  if (!volume.serving) {
    call.stderr.write(
      `nobody serves it yet; 'basalt volume preflight ${volume.name}' says what it waits for\n`,
    )
    return volume
  }
  const events = await fetchEvents(api, { volume: id, limit: EVENTS })
  const told = events.findLast(
    ({ kind, epoch }) => kind.startsWith('volume.promoted') && (epoch ?? 0) >= promoted.epoch,
  )
  if (told !== undefined) call.stderr.write(`${told.message}\n`)
  return volume
}
