/**
 * The application with handlers typed by their routes' schemas. Every route of the API refuses query fields that it does
 * not name, and answers failures with problem details.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawServerDefault,
  RouteOptions,
} from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { PROBLEM_ANSWERS } from '../../http/problem.ts'
import { CLOSED } from './schemas.ts'

interface TypeboxProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  readonly serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

export type TypedApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeboxProvider
>

export function typedApp(app: FastifyInstance): TypedApp {
  app.addHook('onRoute', completeSchema)
  return app.withTypeProvider<TypeboxProvider>()
}

function completeSchema(route: RouteOptions): void {
  const { schema, url } = route
  if (schema === undefined || schema.hide === true || !url.startsWith('/block/')) return
  const [, , resource = ''] = url.split('/')
  schema.tags ??= [resource.replace(/s$/, '')]
  schema.querystring ??= Type.Object({}, CLOSED)
  schema.response = { ...PROBLEM_ANSWERS, ...(schema.response ?? {}) }
}
