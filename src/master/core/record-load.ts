/**
 * The whole registry, read and checked: every record by its schema, its key by its id, names by their volumes. One that
 * cannot be read, or a kind that this program does not know, stops the master: it must not decide without it.
 */
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import type { ClusterRecord, EventRecord } from '../records.ts'
import type { Registry, StoredRecord } from '../registry/registry.ts'
import { CLUSTER_KEY, eventKey, HEAD_KEY, LEADER_BEAT_KEY, LEADER_KEY, LEADER_KEYS } from './record-keys.ts'
import { corruptRecord, type HeadRecord, RECORD_KINDS, type RecordKindName } from './record-schemas.ts'
import type { RecordWrite } from './records-view.ts'

export interface LoadedRecords {
  /** Undefined: the registry is empty. */
  readonly cluster: ClusterRecord | undefined
  readonly head: HeadRecord | undefined
  /** Everything but the cluster's record and events, for a mirror. */
  readonly writes: readonly RecordWrite[]
  /** By rising number. */
  readonly events: readonly EventRecord[]
  readonly revisions: Map<string, number>
}

/** CORRUPT or UNKNOWN_FORMAT, naming the key; or what the registry's `read` throws. */
export async function loadRecords(registry: Registry): Promise<LoadedRecords> {
  const stored = await registry.read('')
  const loader = new Loader()
  for (const record of stored) loader.add(record)
  return loader.finish()
}

class Loader {
  #cluster: ClusterRecord | undefined
  #head: HeadRecord | undefined
  readonly #writes: RecordWrite[] = []
  readonly #events: EventRecord[] = []
  readonly #revisions = new Map<string, number>()
  readonly #uuidByName = new Map<string, string>()

  add({ key, value, revision }: StoredRecord): void {
    this.#revisions.set(key, revision)
    const slash = key.indexOf('/')
    const [kind, id] = [key.slice(0, slash), key.slice(slash + 1)]
    if (!isKind(kind)) {
      throw new BlockError(
        'UNKNOWN_FORMAT',
        `the registry's record ${printable(key)} is of a kind that this program does not know; use the release that wrote it`,
        { facts: { key } },
      )
    }
    switch (kind) {
      case 'cluster':
        sameKey(key, CLUSTER_KEY)
        this.#cluster = RECORD_KINDS.cluster.parse(key, value)
        return
      case 'head':
        sameKey(key, HEAD_KEY)
        this.#head = RECORD_KINDS.head.parse(key, value)
        return
      case 'leader':
        sameKey(key, LEADER_KEY)
        RECORD_KINDS.leader.parse(key, value)
        return
      case 'leaderBeat':
        sameKey(key, LEADER_BEAT_KEY)
        RECORD_KINDS.leaderBeat.parse(key, value)
        return
      case 'server': {
        const record = RECORD_KINDS.server.parse(key, value)
        sameKey(id, record.id, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'volume': {
        const record = RECORD_KINDS.volume.parse(key, value)
        sameKey(id, record.uuid, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'job': {
        const record = RECORD_KINDS.job.parse(key, value)
        sameKey(id, record.id, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'snapshot': {
        const record = RECORD_KINDS.snapshot.parse(key, value)
        sameKey(id, `${record.volume}/${record.id}`, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'schedule': {
        const record = RECORD_KINDS.schedule.parse(key, value)
        sameKey(id, record.name, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'repository': {
        const record = RECORD_KINDS.repository.parse(key, value)
        sameKey(id, record.name, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'token': {
        const record = RECORD_KINDS.token.parse(key, value)
        sameKey(id, record.id, key)
        this.#writes.push({ kind, record })
        return
      }
      case 'event': {
        const record = RECORD_KINDS.event.parse(key, value)
        sameKey(key, eventKey(record.number))
        this.#events.push(record)
        return
      }
      case 'name':
        this.#uuidByName.set(id, RECORD_KINDS.name.parse(key, value).uuid)
    }
  }

  finish(): LoadedRecords {
    // who leads is recorded before anything else
    const isEmpty = [...this.#revisions.keys()].every((key) => key.startsWith(LEADER_KEYS))
    if (this.#cluster === undefined && !isEmpty) {
      throw corruptRecord(CLUSTER_KEY, 'it is missing')
    }
    this.#checkNames()
    return {
      cluster: this.#cluster,
      head: this.#head,
      writes: this.#writes,
      events: this.#events,
      revisions: this.#revisions,
    }
  }

  /** Each volume has its name, and no name is left over. */
  #checkNames(): void {
    const left = new Map(this.#uuidByName)
    for (const write of this.#writes) {
      if (write.kind !== 'volume') continue
      const { name, uuid } = write.record
      if (left.get(name) !== uuid) throw corruptRecord(`name/${name}`, `it does not name the volume ${uuid}`)
      left.delete(name)
    }
    const [stray] = left.keys()
    if (stray !== undefined) throw corruptRecord(`name/${stray}`, 'it names a volume that is not there')
  }
}

const isKind = (kind: string): kind is RecordKindName => Object.hasOwn(RECORD_KINDS, kind)

function sameKey(found: string, expected: string, key = found): void {
  if (found !== expected) throw corruptRecord(key, 'the key is not that of its record')
}
