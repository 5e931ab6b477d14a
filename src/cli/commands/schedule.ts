/** `basalt schedule …`: snapshots and backups that the master makes by itself. */
import { Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { parseName } from '../../base/names.ts'
import { fetchSchedules, Schedule, type ScheduleWish, schedulePath } from '../../client/wire/schedule.ts'
import {
  type ArgumentDescription,
  type Call,
  type CommandDescription,
  type FlagDescription,
  type Noun,
  WIDE,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import { SCHEDULE_COLUMNS, scheduleFacts } from '../views/schedule.ts'
import { BACKUP_KEEP_FLAGS, KEEP_FLAGS, readKeep } from './keep-rules.ts'
import { parsePeriod } from './periods.ts'

export const SCHEDULE_NOUN: Noun = {
  words: ['schedule'],
  summary: 'have snapshots and backups made again and again',
  more: `Examples:
  basalt schedule create hourly --volume '*' --every 1h --keep-last 24
  basalt schedule create nightly --volume db1 --volume db2 --at '30 2 * * *' --keep-last 2 \\
    --repository offsite --full-every 30d --keep-backups-daily 14 --keep-backups-monthly 12
  basalt schedule pause nightly`,
}

const SCHEDULE: ArgumentDescription = { name: 'SCHEDULE', help: 'name of the schedule' }

const WISH_FLAGS: readonly FlagDescription[] = [
  {
    name: 'volume',
    placeholder: 'VOLUME',
    isList: true,
    help: "of this volume, or with '*' for any characters of all that fit then; may be repeated",
  },
  { name: 'every', placeholder: 'TIME', help: 'how often, such as 15m, 1h or 1d' },
  {
    name: 'at',
    placeholder: 'CRON',
    help: "or when: minute, hour, day, month and weekday (UTC), such as '30 2 * * *'",
  },
  ...KEEP_FLAGS,
  {
    name: 'repository',
    placeholder: 'REPOSITORY',
    help: 'back up to this repository; snapshots alone unless given',
  },
  {
    name: 'full-every',
    placeholder: 'TIME',
    help: 'a full backup so often, such as 30d; increments for ever unless given',
  },
  ...BACKUP_KEEP_FLAGS,
  { name: 'paused', placeholder: undefined, help: 'make it, and let it run when it is resumed' },
]

export const SCHEDULE_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['schedule', 'create'],
    summary: 'make snapshots or backups of volumes from now on',
    args: [{ name: 'NAME', help: 'that the schedule gets' }],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const name = parseName(call.arg('NAME'), 'NAME', 'a schedule name')
      const wish = { name, ...readWish(call) }
      printSchedule(call, await (await call.connect()).post('/block/schedules', Schedule, wish))
    },
  },
  {
    words: ['schedule', 'list'],
    summary: 'list schedules',
    flags: [WIDE],
    service: 'master',
    run: async (call) => {
      call.printTable(SCHEDULE_COLUMNS, await fetchSchedules(await call.connect()), 'no schedules')
    },
  },
  {
    words: ['schedule', 'get'],
    summary: 'show one schedule, and how its last run went',
    args: [SCHEDULE],
    service: 'master',
    run: async (call) => {
      printSchedule(call, await (await call.connect()).get(schedulePath(call.arg('SCHEDULE')), Schedule))
    },
  },
  {
    words: ['schedule', 'set'],
    summary: 'replace a schedule; when it ran last, and what it made, stays',
    args: [SCHEDULE],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const path = schedulePath(call.arg('SCHEDULE'))
      const wish = readWish(call)
      printSchedule(call, await (await call.connect()).call('PUT', path, Schedule, wish))
    },
  },
  {
    words: ['schedule', 'pause'],
    summary: 'let a schedule rest; what it made stays',
    args: [SCHEDULE],
    service: 'master',
    run: (call) => setPaused(call, true),
  },
  {
    words: ['schedule', 'resume'],
    summary: 'let it go on',
    args: [SCHEDULE],
    service: 'master',
    run: (call) => setPaused(call, false),
  },
  {
    words: ['schedule', 'delete'],
    summary: 'forget a schedule; what it made stays',
    args: [SCHEDULE],
    flags: [YES],
    service: 'master',
    run: remove,
  },
]

/** INVALID_ARGUMENT for what cannot be right whatever the cluster is. */
function readWish(call: Call): ScheduleWish {
  const volumes = call.list('volume')
  if (volumes === undefined) throw usage("--volume is missing; '*' stands for all volumes")
  const every = call.text('every')
  const at = call.text('at')
  if ((every === undefined) === (at === undefined)) {
    throw usage(
      "--every TIME or --at CRON says when; give one of them, for example --every 1h or --at '30 2 * * *'",
    )
  }
  const backup = readBackup(call)
  const keep = readKeep(call)
  if (keep === undefined && backup === null) {
    throw usage('no rule says how many snapshots to keep; give one, for example --keep-last 24')
  }
  return {
    volumes,
    every_seconds: every === undefined ? null : parsePeriod(every, '--every') / 1000,
    at: at ?? null,
    keep: keep ?? {},
    backup,
    paused: call.isSet('paused'),
  }
}

function readBackup(call: Call): ScheduleWish['backup'] {
  const repository = call.text('repository')
  const fullEvery = call.text('full-every')
  const keep = readKeep(call, 'keep-backups')
  if (repository === undefined) {
    if (fullEvery !== undefined || keep !== undefined) {
      throw usage('--full-every and --keep-backups-… are about backups; --repository says where those go')
    }
    return null
  }
  return {
    repository,
    full_every_seconds: fullEvery === undefined ? null : parsePeriod(fullEvery, '--full-every') / 1000,
    keep: keep ?? null,
  }
}

/** A schedule is replaced as a whole: what it is otherwise is asked for first. */
async function setPaused(call: Call, paused: boolean): Promise<void> {
  const api = await call.connect()
  const path = schedulePath(call.arg('SCHEDULE'))
  const { volumes, every_seconds, at, keep, backup } = await api.get(path, Schedule)
  const wish: ScheduleWish = { volumes, every_seconds, at, keep, backup, paused }
  printSchedule(call, await api.call('PUT', path, Schedule, wish))
}

async function remove(call: Call): Promise<void> {
  const api = await call.connect()
  const { name } = await api.get(schedulePath(call.arg('SCHEDULE')), Schedule)
  await confirm(call, { consequence: `This deletes the schedule '${name}'. What it made stays.`, name })
  await api.call('DELETE', schedulePath(name), Type.Unknown())
  call.print({ deleted: name }, () => `deleted ${name}\n`)
}

const printSchedule = (call: Call, schedule: Schedule): void =>
  call.printFacts(schedule, () => scheduleFacts(schedule))

const usage = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
