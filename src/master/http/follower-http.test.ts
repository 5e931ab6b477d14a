import { expect, it } from 'vitest'
import { silentLogger } from '../../base/log.ts'
import { buildHttpApp } from '../../http/app.ts'
import { RealClock } from '../../io/clock.ts'
import { loadSyscalls } from '../../io/syscalls.ts'
import type { LeaderRecord } from '../core/record-schemas.ts'
import { refusedByFollower } from '../election/follower.ts'
import { followerAppOptions } from './follower-http.ts'

const LEADER: LeaderRecord = { id: 'life-1', term: 3, grpc: 'm1:7471', http: 'https://m1:7470' }
const clock = new RealClock({ syscalls: loadSyscalls(() => undefined) })

it('a master that does not lead refuses every request, with or without a route, and names the leader', async () => {
  let leader: LeaderRecord | null = LEADER
  const app = await buildHttpApp(
    followerAppOptions({ version: '1', clock, logger: silentLogger, leader: () => leader }),
  )
  try {
    for (const [method, url] of [
      ['GET', '/block/status'],
      ['DELETE', '/block/volume/vol1'],
      ['POST', '/block/volume'],
      ['GET', '/metrics'],
    ] as const) {
      const answer = await app.inject({ method, url })
      expect(answer.statusCode).toBe(503)
      expect(answer.headers['content-type']).toContain('application/problem+json')
      expect(answer.headers['retry-after']).toBe('1')
      expect(answer.json()).toMatchObject({
        status: 503,
        reason: 'not_leader',
        detail: 'this master does not lead; ask https://m1:7470',
      })
    }
    leader = null
    expect((await app.inject({ method: 'GET', url: '/block/status' })).json()).toMatchObject({
      detail: expect.stringContaining('has not heard who does'),
    })
  } finally {
    await app.close()
  }
})

it('and a block server is told the address that its stream is for', () => {
  expect(refusedByFollower(LEADER)).toMatchObject({ reason: 'not_leader', leader: 'm1:7471' })
  expect(refusedByFollower({ ...LEADER, grpc: '' })).toMatchObject({ leader: null })
})
