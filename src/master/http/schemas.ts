/** Pieces that the schemas of the API share. Field names are snake_case and end in their unit; times are ISO 8601. */
import { type TSchema, Type } from 'typebox'
import { CURSOR_PATTERN, NODE_NAME_PATTERN, VOLUME_NAME_PATTERN } from '../../http/patterns.ts'

export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
/** Of a volume, in a request: the bounds are the master's, and so is the sentence that refuses. */
export const SizeBytes = Type.Integer({ minimum: 0 })
export const Timestamp = Type.String({ format: 'date-time' })
export const Text = Type.String()
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
/** A request holds only what its schema names: a misspelt field is refused, not ignored. */
export const CLOSED = { additionalProperties: false } as const

export const VolumeName = Type.String({
  pattern: VOLUME_NAME_PATTERN,
  description: 'Name of the volume, or its UUID',
})
export const ServerName = Type.String({
  pattern: NODE_NAME_PATTERN,
  description: 'Name of the server, or its id',
})
const Id = Type.String({ pattern: NODE_NAME_PATTERN, description: 'As the list shows it' })

export const ByVolume = Type.Object({ name: VolumeName })
export const ByServer = Type.Object({ name: ServerName })
export const ById = Type.Object({ id: Id })

export const PAGE_DEFAULT = 100
export const PAGE_MAX = 1000
/** Query fields of every list. */
export const PAGING = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: PAGE_MAX,
      default: PAGE_DEFAULT,
      description: 'Entries of one answer',
    }),
  ),
  cursor: Type.Optional(
    Type.String({ pattern: CURSOR_PATTERN, description: 'The next_cursor of the answer before' }),
  ),
}
export const NextCursor = nullable(Type.String({ description: 'Null on the last page' }))

export const timestamp = (ms: number): string => new Date(ms).toISOString()
