/**
 * What servers keep of a volume for the master: everything of its record that the superblocks do not hold. A registry
 * that was lost is made again from it. Secrets stay sealed in it; the tag tells whether a server has the newest.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { crc32c } from '../../base/crc32c.ts'
import { SLOTS_MAX } from '../../frontend/paths.ts'
import type { VolumeRecord } from '../records.ts'
import { upgradeKept } from './record-upgrades.ts'

type Kept = Pick<
  VolumeRecord,
  | 'name'
  | 'logicalBlockBytes'
  | 'logBytes'
  | 'preset'
  | 'policy'
  | 'placement'
  | 'isMultipath'
  | 'access'
  | 'publications'
  | 'accessVersion'
  | 'qos'
  | 'createdAt'
> & {
  /** Hosts know their paths by these. */
  readonly slots: readonly { readonly server: string; readonly slot: number }[]
}

/** Of its text: servers store no more. */
export const KEPT_LENGTH_MAX = 64 * 1024

export interface KeptText {
  readonly text: string
  /** Never 0: below, its CRC-32C; above, the version of the access rules, so that no two of them share one. */
  readonly tag: number
}

/** Version 1 lacks `isMultipath`, `slots`, `access.hosts` and `access.dhchap`; 1 and 2 lack `publications` and `accessVersion`; 1 to 3 `publications.dhchap`. */
const VERSION = 4
/** Tags are safe integers: 21 bits are left above a CRC. */
const VERSIONS_TOLD = 2 ** 21

const cache = new WeakMap<VolumeRecord, KeptText>()

export function keptOf(volume: VolumeRecord): KeptText {
  const known = cache.get(volume)
  if (known !== undefined) return known
  const { name, logicalBlockBytes, logBytes, preset, policy, placement, isMultipath } = volume
  const { access, publications, accessVersion, qos, createdAt } = volume
  const slots = volume.replicas.map(({ server, slot }) => ({ server, slot }))
  const kept: Kept = {
    ...{ name, logicalBlockBytes, logBytes, preset, policy, placement, isMultipath },
    ...{ access, publications, accessVersion, qos, createdAt, slots },
  }
  const text = JSON.stringify({ version: VERSION, ...kept })
  const sum = crc32c(new TextEncoder().encode(text)) || 1
  const made = { text, tag: (accessVersion % VERSIONS_TOLD) * 2 ** 32 + sum }
  cache.set(volume, made)
  return made
}

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])
const Chap = { user: Type.String(), sealedSecret: Type.String() }
const Spread = Type.Union([Type.Literal('required'), Type.Literal('preferred')])
const Amount = Type.Number({ minimum: 0 })

const Stored = Type.Object({
  version: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(VERSION)]),
  name: Type.String({ maxLength: 63 }),
  logicalBlockBytes: Type.Union([Type.Literal(512), Type.Literal(4096)]),
  logBytes: nullable(Amount),
  preset: Type.Union([Type.Literal('database'), Type.Literal('general'), Type.Literal('throughput')]),
  policy: Type.Object({
    mode: Type.Union([
      Type.Object({ kind: Type.Literal('sync_all'), minInSync: Type.Integer({ minimum: 1 }) }),
      Type.Object({ kind: Type.Literal('sync_quorum') }),
      Type.Object({ kind: Type.Literal('best_effort'), maxLagEntries: Amount, maxLagMs: Amount }),
    ]),
    replicaFactor: Type.Integer({ minimum: 1, maximum: 15 }),
  }),
  placement: Type.Object({
    diskType: nullable(Type.Union([Type.Literal('ssd'), Type.Literal('hdd'), Type.Literal('nvme')])),
    zones: Type.Array(Type.String()),
    zoneSpread: Spread,
    rackSpread: Spread,
  }),
  access: Type.Object({
    initiators: nullable(Type.Array(Type.String())),
    chap: nullable(Type.Object({ ...Chap, mutual: nullable(Type.Object(Chap)) })),
    hosts: nullable(Type.Array(Type.String())),
    dhchap: Type.Array(
      Type.Object({
        host: Type.String(),
        sealedSecret: Type.String(),
        sealedControllerSecret: nullable(Type.String()),
      }),
    ),
  }),
  publications: Type.Array(
    Type.Object({
      node: Type.String(),
      initiator: nullable(Type.String()),
      host: nullable(Type.String()),
      dhchap: nullable(
        Type.Object({ sealedSecret: Type.String(), sealedControllerSecret: nullable(Type.String()) }),
      ),
      isReadOnly: Type.Boolean(),
      isShared: Type.Boolean(),
      since: Type.Number(),
    }),
  ),
  accessVersion: Type.Integer({ minimum: 0 }),
  qos: Type.Object({ iops: Amount, iopsBurst: Amount, bytesPerSecond: Amount, bytesBurst: Amount }),
  createdAt: Type.Number(),
  isMultipath: Type.Boolean(),
  slots: Type.Array(
    Type.Object({
      server: Type.String(),
      slot: Type.Integer({ minimum: 0, maximum: SLOTS_MAX - 1 }),
    }),
  ),
})

/** Undefined for what is not such a text: it came from outside. */
export function readKept(text: string | null): Kept | undefined {
  if (text === null) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  const upgraded = upgradeKept(value)
  if (!Value.Check(Stored, upgraded)) return undefined
  const { version: _, ...kept }: Static<typeof Stored> = upgraded
  return kept
}
