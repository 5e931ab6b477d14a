/** Tokens: made, listed without what they are, and revoked. */
import { type Static, Type } from 'typebox'
import { NODE_NAME_PATTERN } from '../../http/patterns.ts'
import type { TokenRecord } from '../records.ts'
import type { RouteContext } from './context.ts'
import { nextCursor, slicePage } from './paging.ts'
import { ById, CLOSED, NextCursor, nullable, PAGING, Text, Timestamp, timestamp } from './schemas.ts'
import type { Tokens } from './tokens.ts'
import type { TypedApp } from './typed-app.ts'

const TokenRole = Type.Enum(['admin', 'operator', 'viewer', 'server'], {
  description: '`server` lets a block server join and opens nothing else',
})
const CreateBody = Type.Object(
  {
    name: Type.String({ pattern: NODE_NAME_PATTERN, description: 'Unique; shown in events as the actor' }),
    role: TokenRole,
    expires_in_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 315_360_000,
        description: 'Without it, the token does not expire',
      }),
    ),
  },
  CLOSED,
)
const FIELDS = {
  id: Text,
  name: Text,
  role: TokenRole,
  created_at: Timestamp,
  expires_at: nullable(Timestamp),
}
const Token = Type.Object(FIELDS)
const Made = Type.Object({
  ...FIELDS,
  token: Type.String({ description: 'Shown now and never again; the registry has only its hash' }),
})
const TokenList = Type.Object({ tokens: Type.Array(Token), next_cursor: NextCursor })
const Revoked = { ...Type.Null(), description: 'It opens nothing any more' }

const tokenResource = ({ id, name, role, createdAt, expiresAt }: TokenRecord): Static<typeof Token> => ({
  id,
  name,
  role,
  created_at: timestamp(createdAt),
  expires_at: expiresAt === null ? null : timestamp(expiresAt),
})

export function addTokenRoutes(
  app: TypedApp,
  { callerOf, tokens }: Pick<RouteContext, 'callerOf'> & { readonly tokens: Tokens },
): void {
  app.get(
    '/block/tokens',
    {
      schema: {
        summary: 'All tokens, by name, without what they are',
        querystring: Type.Object(PAGING, CLOSED),
        response: { 200: TokenList },
      },
    },
    async ({ query }) => {
      const page = slicePage(tokens.list(), ({ name }) => name, query)
      return { tokens: page.items.map(tokenResource), next_cursor: nextCursor(page.next) }
    },
  )

  app.post(
    '/block/token',
    { schema: { summary: 'Make a token', body: CreateBody, response: { 201: Made } } },
    async (request, reply) => {
      const { name, role, expires_in_seconds: seconds } = request.body
      const wish = { name, role, expiresInMs: seconds === undefined ? null : seconds * 1000 }
      const { record, token } = await tokens.create(callerOf(request), wish)
      reply.code(201).header('location', `/block/token/${record.id}`)
      return { ...tokenResource(record), token }
    },
  )

  app.delete(
    '/block/token/:id',
    { schema: { summary: 'Revoke a token, by id or name', params: ById, response: { 204: Revoked } } },
    async (request, reply) => {
      await tokens.revoke(callerOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}
