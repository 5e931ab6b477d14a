/**
 * What an authority tells a server over HTTP, and what the server tells it: schemas, and the way between JSON and the
 * engine's messages. Ids of epochs are 64-bit values and stand as decimal strings; everything else is exact as a number.
 */
import { type Static, Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { type Epoch, epochNumber } from '../../base/units.ts'
import { opening, serverId } from '../../v2engine/identity.ts'
import type { SetRecord } from '../../v2engine/marks.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import { contradictionOf, type Policy } from '../../v2engine/policy.ts'

const closed = { additionalProperties: false } as const
/** Exact as a double. */
const Natural = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Milliseconds = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const ServerName = Type.String({ minLength: 1, maxLength: 64 })
const REPLICAS_MAX = 16

const EpochSchema = Type.Object(
  { number: Natural, id: Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$' }) },
  closed,
)
const SetSchema = Type.Object(
  {
    epoch: Natural,
    version: Natural,
    members: Type.Array(ServerName, { minItems: 1, maxItems: REPLICAS_MAX, uniqueItems: true }),
  },
  closed,
)
const PolicySchema = Type.Object(
  {
    replicaFactor: Type.Integer({ minimum: 1, maximum: REPLICAS_MAX }),
    mode: Type.Union([
      Type.Object(
        {
          kind: Type.Literal('sync_all'),
          minInSync: Type.Integer({ minimum: 1, maximum: REPLICAS_MAX }),
        },
        closed,
      ),
      Type.Object({ kind: Type.Literal('sync_quorum') }, closed),
      Type.Object({ kind: Type.Literal('best_effort'), maxLagEntries: Natural, maxLagMs: Natural }, closed),
    ]),
  },
  closed,
)

const MessageSchema = Type.Union([
  Type.Object({ kind: Type.Literal('seal'), epoch: EpochSchema }, closed),
  Type.Object(
    {
      kind: Type.Literal('assign'),
      epoch: EpochSchema,
      role: Type.Union([Type.Literal('primary'), Type.Literal('replica')]),
      primary: ServerName,
      opening: Natural,
      replicas: Type.Array(
        Type.Object({ server: ServerName, endpoint: Type.String({ minLength: 1, maxLength: 300 }) }, closed),
        { maxItems: REPLICAS_MAX },
      ),
      set: SetSchema,
      policy: PolicySchema,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('grant'),
      epoch: EpochSchema,
      opening: Natural,
      askedAtMs: Milliseconds,
      leaseMs: Milliseconds,
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('setIs'), epoch: EpochSchema, set: SetSchema }, closed),
  Type.Object({ kind: Type.Literal('stop'), epoch: EpochSchema }, closed),
])

/** Body of `POST /assign`. */
export const AssignBody = Type.Object(
  {
    volume: Type.String({ description: 'UUID of the volume' }),
    authority: Type.String({ maxLength: 2048, description: 'where the authority of the volume listens' }),
    create: Type.Optional(
      Type.Object(
        {
          name: Type.String({ maxLength: 63 }),
          sizeBytes: Natural,
          logicalBlockBytes: Type.Optional(Type.Union([Type.Literal(512), Type.Literal(4096)])),
          logBytes: Type.Optional(Natural),
          madeIn: Type.Optional(Type.Union([EpochSchema, Type.Null()])),
        },
        { ...closed, description: 'makes the replica when it is not there' },
      ),
    ),
    message: MessageSchema,
  },
  { ...closed, description: 'A message of the authority for one replica of this server' },
)
export type AssignBody = Static<typeof AssignBody>
type MessageJson = Static<typeof MessageSchema>

/** What the authority answers to a server's report. */
export const ReportAnswer = Type.Object({ messages: Type.Array(MessageSchema, { maxItems: 64 }) }, closed)

const ID_END = 1n << 64n

/** INVALID_ARGUMENT for an id that has more than 64 bits. */
export function epochOf({ number, id }: Static<typeof EpochSchema>): Epoch {
  const value = BigInt(id)
  if (value < ID_END) return { number: epochNumber(number), id: value }
  throw new BlockError('INVALID_ARGUMENT', `'${id}' is no epoch id: it has more than 64 bits`)
}

const setOf = ({ epoch, version, members }: Static<typeof SetSchema>): SetRecord => ({
  epoch: epochNumber(epoch),
  version,
  members: members.map(serverId),
})

/** A policy that makes sense as a whole, else INVALID_ARGUMENT: the engine takes what the registry says at its word. */
function policyOf(policy: Static<typeof PolicySchema>): Policy {
  const contradiction = contradictionOf(policy)
  if (contradiction === undefined) return policy
  throw new BlockError('INVALID_ARGUMENT', contradiction)
}

/** INVALID_ARGUMENT for what the schema cannot see. */
export function messageOf(json: MessageJson): AuthorityMessage {
  switch (json.kind) {
    case 'seal':
    case 'stop':
      return { kind: json.kind, epoch: epochOf(json.epoch) }
    case 'setIs':
      return { kind: 'setIs', epoch: epochOf(json.epoch), set: setOf(json.set) }
    case 'grant': {
      const { askedAtMs, leaseMs } = json
      return { kind: 'grant', epoch: epochOf(json.epoch), opening: opening(json.opening), askedAtMs, leaseMs }
    }
    case 'assign':
      return {
        kind: 'assign',
        epoch: epochOf(json.epoch),
        role: json.role,
        primary: serverId(json.primary),
        opening: opening(json.opening),
        replicas: json.replicas.map(({ server, endpoint }) => ({ server: serverId(server), endpoint })),
        set: setOf(json.set),
        policy: policyOf(json.policy),
      }
  }
}

/** JSON of engine messages: 64-bit ids as decimal strings. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? String(field) : field))

/** The URL, without a slash at its end; INVALID_ARGUMENT unless it is `http://HOST[:PORT][/PATH]`. */
export function parseAuthorityUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (url?.protocol !== 'http:' || !isPlain) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `authority: '${printable(text)}' is not an address such as http://192.0.2.1:7470`,
    )
  }
  return url.href.replace(/\/+$/, '')
}
