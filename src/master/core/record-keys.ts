/** Under which key a record is kept, and what a write of the record store writes there. */

import type { EventRecord, VolumeRecord } from '../records.ts'
import type { JsonObject } from '../registry/registry.ts'
import { RECORD_KINDS } from './record-schemas.ts'
import type { RecordWrite } from './records-view.ts'

export const CLUSTER_KEY = 'cluster/cluster'
export const HEAD_KEY = 'head/head'
/** What all keys of the election begin with, and no others. */
export const LEADER_KEYS = 'leader'
/** Written when a term begins: its revision is the term's. */
export const LEADER_KEY = 'leader/leader'
/** Written at each renewal. */
export const LEADER_BEAT_KEY = 'leaderBeat/leader'

const EVENT_DIGITS = 12

export interface KeyWrite {
  readonly key: string
  readonly value: JsonObject | null
}

export const eventKey = (number: number): string => `event/${String(number).padStart(EVENT_DIGITS, '0')}`

const snapshotKey = (volume: string, id: string): string => `snapshot/${volume}/${id}`

export const eventWrite = (event: EventRecord): KeyWrite => ({
  key: eventKey(event.number),
  value: RECORD_KINDS.event.encode(event),
})

/** `old`: the volume's record before; its name goes with it. */
export function keyWrites(write: RecordWrite, old: VolumeRecord | undefined): KeyWrite[] {
  switch (write.kind) {
    case 'cluster':
      return [{ key: CLUSTER_KEY, value: RECORD_KINDS.cluster.encode(write.record) }]
    case 'server':
      return [{ key: `server/${write.record.id}`, value: RECORD_KINDS.server.encode(write.record) }]
    case 'removeServer':
      return [{ key: `server/${write.id}`, value: null }]
    case 'volume': {
      const { uuid, name } = write.record
      const volume = { key: `volume/${uuid}`, value: RECORD_KINDS.volume.encode(write.record) }
      if (old?.name === name) return [volume]
      const taken = { key: `name/${name}`, value: RECORD_KINDS.name.encode({ uuid }) }
      return old === undefined ? [volume, taken] : [volume, taken, { key: `name/${old.name}`, value: null }]
    }
    case 'removeVolume': {
      const volume = { key: `volume/${write.uuid}`, value: null }
      return old === undefined ? [volume] : [volume, { key: `name/${old.name}`, value: null }]
    }
    case 'job':
      return [{ key: `job/${write.record.id}`, value: RECORD_KINDS.job.encode(write.record) }]
    case 'removeJob':
      return [{ key: `job/${write.id}`, value: null }]
    case 'snapshot': {
      const { volume, id } = write.record
      return [{ key: snapshotKey(volume, id), value: RECORD_KINDS.snapshot.encode(write.record) }]
    }
    case 'removeSnapshot':
      return [{ key: snapshotKey(write.volume, write.id), value: null }]
    case 'schedule':
      return [{ key: `schedule/${write.record.name}`, value: RECORD_KINDS.schedule.encode(write.record) }]
    case 'removeSchedule':
      return [{ key: `schedule/${write.name}`, value: null }]
    case 'repository':
      return [{ key: `repository/${write.record.name}`, value: RECORD_KINDS.repository.encode(write.record) }]
    case 'removeRepository':
      return [{ key: `repository/${write.name}`, value: null }]
    case 'token':
      return [{ key: `token/${write.record.id}`, value: RECORD_KINDS.token.encode(write.record) }]
    case 'removeToken':
      return [{ key: `token/${write.id}`, value: null }]
  }
}
