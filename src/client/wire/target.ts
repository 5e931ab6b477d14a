/** Volumes, as the admin API of one target shows them. */
import { type Static, Type } from 'typebox'
import { Count } from './common.ts'

export const Scrub = Type.Object({
  running: Type.Boolean(),
  passes: Count,
  verifiedBytes: Count,
  errors: Count,
  badBlocks: Type.Array(Count),
})
export type Scrub = Static<typeof Scrub>

export const Space = Type.Object({
  extentsBytes: Count,
  mapBytes: Count,
  logBytes: Count,
  versionsBytes: Count,
  otherBytes: Count,
  totalBytes: Count,
  freeBytes: Count,
})
export type Space = Static<typeof Space>

export const Volume = Type.Object({
  name: Type.String(),
  uuid: Type.String(),
  state: Type.String(),
  health: Type.String(),
  reasons: Type.Array(Type.String()),
  sizeBytes: Count,
  logicalBlockBytes: Count,
  readOnly: Type.Boolean(),
  reopens: Count,
  epoch: Type.Object({ number: Count, id: Type.String() }),
  lsn: Type.Object({ appended: Count, committed: Count, durable: Count, checkpoint: Count }),
  log: Type.Object({ sizeBytes: Count, usedBytes: Count }),
  dirtyBlocks: Count,
  pressure: Type.String(),
  space: Type.Optional(Space),
  iscsi: Type.Object({
    iqn: Type.String(),
    portals: Type.Array(Type.Object({ address: Type.String(), portalGroupTag: Type.Number() })),
    sessions: Type.Array(Type.Object({ initiator: Type.String(), address: Type.String() })),
  }),
  nvme: Type.Object({
    nqn: Type.String(),
    portals: Type.Array(Type.Object({ address: Type.String() })),
    sessions: Type.Array(Type.Object({ host: Type.String(), address: Type.String() })),
  }),
})
export type Volume = Static<typeof Volume>

export const VolumeList = Type.Object({ volumes: Type.Array(Volume) })
export const Checkpoint = Type.Object({ checkpointLsn: Count })
