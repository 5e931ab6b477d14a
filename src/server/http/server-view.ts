/** The server as a whole: what its daemon knows of it, and the resource that `/status` shows. */
import { type Static, Type } from 'typebox'

/** For `/status` and `/healthz`. */
export interface ServerView {
  readonly id: string
  readonly version: string
  readonly pid: number
  readonly startedWallMs: number
  readonly state: 'starting' | 'serving' | 'draining'
}

export const ServerResource = Type.Object({
  id: Type.String(),
  version: Type.String(),
  pid: Type.Integer({ minimum: 0 }),
  startedAt: Type.String({ format: 'date-time' }),
  state: Type.String({ description: 'starting, serving or draining' }),
})

/** The `ServerResource` of `view`. */
export function serverResource({ startedWallMs, ...view }: ServerView): Static<typeof ServerResource> {
  return { ...view, startedAt: new Date(startedWallMs).toISOString() }
}
