/**
 * The HTTP side of a master that does not lead: every request is refused with 503 and the reason `not_leader`, and the
 * problem names the leader. Nothing is redirected: a token is for the address that it was sent to.
 */
import type { FastifyInstance } from 'fastify'
import type { HttpAppOptions } from '../../http/app.ts'
import { RequestRefusal } from '../../http/problem.ts'
import type { LeaderRecord } from '../core/record-schemas.ts'
import { followerMessage } from '../election/follower.ts'

export function followerAppOptions(
  options: Pick<HttpAppOptions, 'version' | 'clock' | 'logger' | 'tls'> & {
    readonly leader: () => LeaderRecord | null
  },
): HttpAppOptions {
  const { leader, ...rest } = options
  const refuse = (): never => {
    const found = leader()
    const url = found === null || found.http === '' ? null : found.http
    throw new RequestRefusal(503, followerMessage(url), { reason: 'not_leader' })
  }
  return {
    ...rest,
    title: 'Basalt master API',
    gate: refuse,
    addRoutes: (app: FastifyInstance) => {
      app.all('/*', { schema: { hide: true } }, refuse)
    },
  }
}
