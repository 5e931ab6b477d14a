/** Methods by route, for the `Allow` header of a 405 (RFC 9110 §15.5.6), which the framework does not give. */
import type { FastifyInstance, RouteOptions } from 'fastify'

/** Collects the routes that are added from now on; the returned function gives the methods of the one that fits a path. */
export function collectMethods(app: FastifyInstance): (path: string) => string[] {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const name of [method].flat()) route.methods.add(name)
    routes.set(url, route)
  })
  return (path) => {
    const fitting = [...routes.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(fitting.flatMap(({ methods }) => [...methods]))].sort()
  }
}

/** Linear in the path: a parameter is one segment, and segments do not overlap. */
const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`)
