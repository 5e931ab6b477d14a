/** Snapshots as the API shows them, and what requests about them say. */
import { type Static, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import type { DerivedVolume, SnapshotView } from '../snapshot-api.ts'
import {
  CLOSED,
  Count,
  NextCursor,
  nullable,
  PAGING,
  SizeBytes,
  Text,
  Timestamp,
  timestamp,
  VolumeName,
} from './schemas.ts'
import { CreateBody, wishOf } from './volume-resource.ts'

const NewName = Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Unique in the volume' })
const SnapshotName = Type.String({
  pattern: VOLUME_NAME_PATTERN,
  description: 'Name of the snapshot, or its id',
})

export const BySnapshot = Type.Object({ name: VolumeName, snapshot: SnapshotName })

export const Snapshot = Type.Object({
  id: Text,
  name: Text,
  volume: Type.String({ description: 'Name of the volume' }),
  volume_id: Text,
  state: Type.Enum(['creating', 'ready', 'deleting', 'lost'], {
    description: '`lost`: a promotion that lost writes lost it; only deleting is left',
  }),
  lsn: nullable(Type.Integer({ minimum: 0, description: 'It has every change up to here' })),
  size_bytes: Count,
  created_at: Timestamp,
  held_bytes: nullable(
    Type.Integer({
      minimum: 0,
      description: 'Kept for it and older ones; null while nobody could be asked',
    }),
  ),
  exclusive_bytes: nullable(
    Type.Integer({ minimum: 0, description: 'What deleting it alone would give back' }),
  ),
  exposed: nullable(Type.Object({ iqn: Text, nqn: Text, iscsi: Type.Array(Text), nvme: Type.Array(Text) })),
  schedule: nullable(Text),
  group: nullable(Text),
  repository: nullable(Type.String({ description: 'It is the base of the next backup there' })),
})
export const SnapshotList = Type.Object({ snapshots: Type.Array(Snapshot) })
export const SnapshotPage = Type.Object({ snapshots: Type.Array(Snapshot), next_cursor: NextCursor })
export const SnapshotQuery = Type.Object(
  {
    ...PAGING,
    volume: Type.Optional(VolumeName),
    group: Type.Optional(
      Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Name of the group, or its id' }),
    ),
    name: Type.Optional(
      Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Name of the snapshots, one of each volume' }),
    ),
  },
  CLOSED,
)

export function snapshotResource(view: SnapshotView): Static<typeof Snapshot> {
  const { record, volumeName, heldBytes, exclusiveBytes, exposed } = view
  return {
    id: record.id,
    name: record.name,
    volume: volumeName,
    volume_id: record.volume,
    state: record.state,
    lsn: record.lsn,
    size_bytes: record.sizeBytes,
    created_at: timestamp(record.createdAt),
    held_bytes: heldBytes,
    exclusive_bytes: exclusiveBytes,
    exposed: exposed && {
      iqn: exposed.iqn,
      nqn: exposed.nqn,
      iscsi: [...exposed.iscsi],
      nvme: [...exposed.nvme],
    },
    schedule: record.schedule,
    group: record.group,
    repository: record.backup?.repository ?? null,
  }
}

export const SnapshotBody = Type.Object({ name: NewName }, CLOSED)
export const ExposeBody = Type.Object({ exposed: Type.Boolean() }, CLOSED)
export const RestoreBody = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: 'Even while hosts are logged in' })) },
  CLOSED,
)
export const ScrubBody = Type.Object(
  { repair: Type.Optional(Type.Boolean({ default: true, description: 'What is found is mended' })) },
  CLOSED,
)
export const GroupBody = Type.Object(
  {
    name: NewName,
    volumes: Type.Array(VolumeName, { minItems: 1, maxItems: 64, uniqueItems: true }),
  },
  CLOSED,
)

const { size_bytes: _size, logical_block_bytes: _block, ...createFields } = CreateBody.properties
/** Fields of a volume that is made from something: without blocks, and with a size only when it is to be larger. */
export const DERIVED_FIELDS = {
  ...createFields,
  size_bytes: Type.Optional(
    Type.Integer({ ...SizeBytes, description: 'At least that of the source, which it is when left out' }),
  ),
}
export const CloneBody = Type.Object(DERIVED_FIELDS, CLOSED)

export function derivedWishOf(body: Static<typeof CloneBody>): DerivedVolume {
  const { size_bytes: sizeBytes, ...rest } = body
  const { sizeBytes: _, ...wish } = wishOf({ ...rest, size_bytes: 0 })
  return { ...wish, ...(sizeBytes === undefined ? {} : { sizeBytes }) }
}
