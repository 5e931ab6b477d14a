/** Schedules as people ask for them (`ScheduleApi`). */
import { parseVolumeName, printable } from '../../base/names.ts'
import { refusal } from '../core/lookup.ts'
import type { Change, RecordsView } from '../core/records-view.ts'
import { auditEvent, type RequestContext } from '../core/volume-requests.ts'
import type { Caller } from '../master-api.ts'
import type { ScheduleRecord } from '../records.ts'
import type { NewSchedule, ScheduleApi, ScheduleView } from '../snapshot-api.ts'
import type { ServicePorts } from '../snapshots/snapshot-service.ts'
import { checkWhen, matching, nextDue } from './due.ts'

const SCHEDULES_MAX = 1000

export class ScheduleService implements ScheduleApi {
  readonly #ports: ServicePorts

  constructor(ports: ServicePorts) {
    this.#ports = ports
  }

  schedules(): readonly ScheduleView[] {
    return this.#ports.store.view.schedules().map((record) => this.#show(record))
  }

  schedule(name: string): ScheduleView {
    return this.#show(findSchedule(this.#ports.store.view, name))
  }

  async createSchedule(caller: Caller, schedule: NewSchedule): Promise<ScheduleView> {
    await this.#ports.ask(caller, (records, context) => createSchedule(records, schedule, context))
    return this.schedule(schedule.name)
  }

  async setSchedule(caller: Caller, schedule: NewSchedule): Promise<ScheduleView> {
    await this.#ports.ask(caller, (records, { caller: who }) => {
      const old = findSchedule(records, schedule.name)
      const record: ScheduleRecord = { ...old, ...checked(records, schedule) }
      const event = auditEvent(who, {
        kind: 'schedule.changed',
        message: `schedule ${record.name} is changed`,
      })
      return { writes: [{ kind: 'schedule', record }], events: [event], result: undefined }
    })
    return this.schedule(schedule.name)
  }

  async deleteSchedule(caller: Caller, name: string): Promise<void> {
    await this.#ports.ask(caller, (records, context) => deleteSchedule(records, name, context))
  }

  #show(record: ScheduleRecord): ScheduleView {
    const { store, clock } = this.#ports
    return {
      record,
      nextAt: nextDue(record, clock.wallMs()),
      matching: matching(store.view, record).map(({ name }) => name),
    }
  }
}

function createSchedule(
  records: RecordsView,
  schedule: NewSchedule,
  { caller, wallMs }: RequestContext,
): Change<undefined> {
  const name = parseVolumeName(schedule.name, 'name')
  if (records.schedule(name) !== undefined) {
    throw refusal(
      'CONFLICT',
      'exists',
      `there is a schedule ${name} already; change that one, or take another name`,
    )
  }
  if (records.schedules().length >= SCHEDULES_MAX) {
    throw refusal('NO_SPACE', 'too_many', `there are ${SCHEDULES_MAX} schedules already`)
  }
  const record: ScheduleRecord = { ...checked(records, schedule), createdAt: wallMs, last: null }
  const event = auditEvent(caller, { kind: 'schedule.created', message: `schedule ${name} is made` })
  return { writes: [{ kind: 'schedule', record }], events: [event], result: undefined }
}

/** Its snapshots stay until somebody deletes them: nobody's rules apply to them any more. */
function deleteSchedule(records: RecordsView, name: string, { caller }: RequestContext): Change<undefined> {
  findSchedule(records, name)
  const freed = records.snapshotVolumes().flatMap((volume) =>
    records
      .snapshotsOf(volume)
      .filter(({ schedule }) => schedule === name)
      .map((snapshot) => ({ kind: 'snapshot' as const, record: { ...snapshot, schedule: null } })),
  )
  const event = auditEvent(caller, {
    kind: 'schedule.deleted',
    message: `schedule ${name} is deleted; the ${freed.length} snapshots that it made stay`,
  })
  return { writes: [{ kind: 'removeSchedule', name }, ...freed], events: [event], result: undefined }
}

function checked(
  records: RecordsView,
  { name, volumes, when, keep, backup, isPaused }: NewSchedule,
): Omit<ScheduleRecord, 'createdAt' | 'last'> {
  checkWhen(when)
  if (backup !== null && records.repository(backup.repository) === undefined) {
    throw refusal(
      'NOT_FOUND',
      'no_such_repository',
      `there is no repository '${printable(backup.repository)}'; basalt repository list shows those that there are`,
    )
  }
  if (backup === null && Object.values(keep).every((count) => count === 0)) {
    throw refusal(
      'INVALID_ARGUMENT',
      'schedule_keep',
      'the schedule keeps none of its snapshots; say how many with last, hourly, daily, weekly or monthly',
    )
  }
  return { name, volumes, when, keep, backup, isPaused }
}

/** NOT_FOUND. */
function findSchedule(records: RecordsView, name: string): ScheduleRecord {
  const schedule = records.schedule(name)
  if (schedule !== undefined) return schedule
  throw refusal(
    'NOT_FOUND',
    'no_such_schedule',
    `there is no schedule '${printable(name)}'; basalt schedule list shows those that there are`,
  )
}
