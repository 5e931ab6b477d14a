/**
 * The OpenAPI 3.1 description of the API, from the routes themselves: their schemas are JSON schemas already, so
 * the document cannot say anything else than what is checked and answered.
 */
import type { FastifyInstance, RouteOptions } from 'fastify'

interface RouteSchema {
  readonly summary?: string
  readonly body?: object
  readonly params?: { readonly properties?: Readonly<Record<string, unknown>> }
  readonly response?: Readonly<Record<string, { readonly description?: string }>>
  readonly produces?: string
}

interface Operation {
  readonly summary: string
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Collects the routes that are added to `app` from now on; the returned function gives the document so far. */
export function describeRoutes(
  app: FastifyInstance,
  info: { readonly title: string; readonly version: string },
): () => OpenApiDocument {
  const { title, version } = info
  const paths: Record<string, Record<string, Operation>> = {}
  app.addHook('onRoute', (route) => {
    const schema = (route.schema ?? {}) as RouteSchema
    for (const method of [route.method].flat()) {
      if (route.config?.undocumented === true || method === 'HEAD') continue
      const path = route.url.replace(/:(\w+)/g, '{$1}')
      paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(schema) }
    }
  })
  return () => ({ openapi: '3.1.0', info: { title, version }, paths })
}

function operationOf({ summary, body, params, response, produces }: RouteSchema): Operation {
  const mediaTypeOf = (status: string): string =>
    Number(status) >= 400 ? 'application/problem+json' : (produces ?? 'application/json')
  return {
    summary: summary ?? '',
    parameters: Object.entries(params?.properties ?? {}).map(([name, schema]) => ({
      name,
      in: 'path',
      required: true,
      schema,
    })),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: Object.fromEntries(
      Object.entries(response ?? {}).map(([status, schema]) => [
        status.replace('4xx', '4XX').replace('5xx', '5XX'),
        { description: schema.description ?? '', content: { [mediaTypeOf(status)]: { schema } } },
      ]),
    ),
  }
}

/** Methods by route, for the `Allow` header of a 405: the matcher gives those of the route that fits a path. */
export function collectMethods(app: FastifyInstance): (path: string) => string[] {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const name of [method].flat()) route.methods.add(name)
    routes.set(url, route)
  })
  return (path) => [...([...routes.values()].find(({ pattern }) => pattern.test(path))?.methods ?? [])].sort()
}

const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`)
