/**
 * What the CLI reads of the admin API's answers. Checked when an answer arrives, so that another server on that
 * port, or another version of this one, gives a sentence and not a crash. What is not named here is passed on
 * to `--json` untouched.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../base/errors.ts'

const Count = Type.Integer({ minimum: 0 })

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
})
export type Volume = Static<typeof Volume>

export const VolumeList = Type.Object({ volumes: Type.Array(Volume) })
export const Checkpoint = Type.Object({ checkpointLsn: Count })

/** `answer` as `schema` describes it; PROTOCOL when it is something else. */
export function expectShape<S extends TSchema>(schema: S, answer: unknown, source: string): Static<S> {
  if (Value.Check(schema, answer)) return answer
  const error = Value.Errors(schema, answer)[0]
  const where = error === undefined ? '' : ` (${error.instancePath || '/'} ${error.message})`
  throw new BlockError(
    'PROTOCOL',
    `${source} answered what this version of basalt does not understand${where}; is it a basalt admin API of the same version?`,
  )
}
