/**
 * Bodies are JSON and nothing else. Beside the limit on their size there is one on their depth, found by one pass over
 * the text before anything is built of it; keys that would reach an object's prototype are refused.
 */
import type { FastifyInstance } from 'fastify'
import { RequestRefusal } from './problem.ts'

const JSON_DEPTH_MAX = 16

export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (depthOf(body) > JSON_DEPTH_MAX) {
      const text = `the body nests objects and lists deeper than ${JSON_DEPTH_MAX}; no request needs that`
      done(new RequestRefusal(400, text, { reason: 'nested_too_deep' }))
      return
    }
    void parse(request, body, done)
  })
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** How deep brackets nest in JSON text; at least that of what a parser would build of it. */
export function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  let isString = false
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (isString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isString = false
    } else if (code === QUOTE) isString = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}
