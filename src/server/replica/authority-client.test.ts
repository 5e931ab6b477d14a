import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import { epochNumber } from '../../base/units.ts'
import { opening } from '../../v2engine/identity.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import { AuthorityClient } from './authority-client.ts'

const epoch = { number: epochNumber(1), id: 9n }

/** A client over a wire that the test answers by hand. */
function rig() {
  const clock = new ManualClock()
  const posts: {
    body: { messages: { kind: string; version?: number }[] }
    answer: (value: unknown) => void
    fail: () => void
  }[] = []
  const delivered: AuthorityMessage[] = []
  const events: string[] = []
  const client = new AuthorityClient({
    server: 's1',
    volume: 'v1',
    url: () => 'http://127.0.0.1:1',
    post: (_, text) =>
      new Promise((resolve, reject) => {
        const body = JSON.parse(text)
        posts.push({ body, answer: resolve, fail: () => reject(new BlockError('DISCONNECTED', 'away')) })
      }),
    beat: () => ({ opening: opening(1), askedAtMs: clock.bootMs(), leads: epoch }),
    deliver: (message) => delivered.push(message),
    clock,
    logger: {
      ...silentLogger,
      warn: (event) => void events.push(event),
      info: (event) => void events.push(event),
    },
  })
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  const change = (version: number): void => client.send({ kind: 'changeSet', epoch, version, members: [] })
  return { clock, posts, delivered, events, client, settle, change }
}

describe('AuthorityClient', () => {
  it('beats every 500 ms, one request at a time, and hands on what comes back', async () => {
    const { clock, posts, delivered, client, settle } = rig()
    client.start()
    expect(posts).toHaveLength(1)
    clock.advance(2000)
    await settle()
    expect(posts).toHaveLength(1)
    posts[0]?.answer({ messages: [{ kind: 'seal', epoch: { number: 1, id: '9' } }] })
    await settle()
    expect(delivered).toEqual([{ kind: 'seal', epoch }])
    expect(posts).toHaveLength(2)
    posts[1]?.answer({ messages: [] })
    await settle()
    clock.advance(499)
    await settle()
    expect(posts).toHaveLength(2)
    clock.advance(1)
    await settle()
    expect(posts).toHaveLength(3)
  })

  it('beats at once when it is told to hurry, also while a request is under way, and when it is to lead', async () => {
    const { posts, client, settle } = rig()
    client.start()
    client.hurry()
    posts[0]?.answer({ messages: [] })
    await settle()
    expect(posts).toHaveLength(2)
    posts[1]?.answer({ messages: [] })
    await settle()
    expect(posts).toHaveLength(2)
    client.hurry()
    await settle()
    expect(posts).toHaveLength(3)
    const set = { epoch: 1, version: 1, members: ['s1'] }
    const assign = {
      ...{ kind: 'assign', epoch: { number: 1, id: '9' }, role: 'primary', primary: 's1', opening: 1, set },
      replicas: [{ server: 's1', endpoint: '127.0.0.1:1' }],
      policy: { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } },
    }
    posts[2]?.answer({ messages: [assign] })
    await settle()
    expect(posts).toHaveLength(4)
    // the same again is told with each beat until it leads
    posts[3]?.answer({ messages: [assign] })
    await settle()
    expect(posts).toHaveLength(4)
  })

  it('sends messages at once, keeps the newest of each kind, and forgets what was heard', async () => {
    const { posts, client, settle, change } = rig()
    client.start()
    change(1)
    change(2)
    client.send({ kind: 'readSet', epoch })
    posts[0]?.answer({ messages: [] })
    await settle()
    expect(posts[1]?.body.messages).toMatchObject([{ kind: 'changeSet', version: 2 }, { kind: 'readSet' }])
    change(3)
    posts[1]?.answer({ messages: [] })
    await settle()
    expect(posts[2]?.body.messages).toMatchObject([{ kind: 'changeSet', version: 3 }])
  })

  it('asks an authority that is away with growing pauses, says so once, and tells it all when it is back', async () => {
    const { clock, posts, events, client, settle, change } = rig()
    client.start()
    change(1)
    for (const pauseMs of [250, 500, 1000, 2000, 2000]) {
      posts.at(-1)?.fail()
      await settle()
      const before = posts.length
      change(2)
      clock.advance(pauseMs - 1)
      await settle()
      expect(posts).toHaveLength(before)
      clock.advance(1)
      await settle()
      expect(posts).toHaveLength(before + 1)
    }
    expect(posts.at(-1)?.body.messages).toMatchObject([{ kind: 'changeSet', version: 2 }])
    posts.at(-1)?.answer({ messages: [] })
    await settle()
    expect(events).toEqual(['authority.away', 'authority.reached'])
  })

  it('takes an answer that is none for nothing', async () => {
    const { posts, delivered, events, client, settle } = rig()
    client.start()
    posts[0]?.answer({ messages: [{ kind: 'assign' }] })
    await settle()
    expect(delivered).toEqual([])
    expect(events).toEqual(['authority.answer_unreadable'])
    await client.close()
  })
})
