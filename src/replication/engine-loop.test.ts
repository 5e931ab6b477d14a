import { beforeEach, describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../test/sim/clock.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import { BlockError } from '../base/errors.ts'
import { epochNumber, lsn } from '../base/units.ts'
import type { Happening } from '../v2engine/events.ts'
import { opening, serverId } from '../v2engine/identity.ts'
import { openReplica } from '../v2engine/open.ts'
import { DEFAULT_BOUNDS } from '../v2engine/policy.ts'
import { EngineLoop } from './engine-loop.ts'

const local = {
  appended: lsn(0),
  durable: lsn(0),
  checkpoint: lsn(0),
  image: lsn(0),
  retainedFrom: lsn(1),
  hasUnknown: false,
}
const seal = (number: number): Happening => ({
  kind: 'authority',
  message: { kind: 'seal', epoch: { number: epochNumber(number), id: BigInt(number) } },
})

describe('the loop of an engine', () => {
  let loop: EngineLoop<string>
  /** What was carried out, in order. */
  let done: string[]
  /** Ends the `persist` under way. */
  let durable: ((error?: BlockError) => void) | undefined
  let opened: Promise<void>

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  beforeEach(() => {
    done = []
    const clock = new SimClock(new Scheduler(1), new Life())
    const { state, effects } = openReplica({
      self: serverId('a'),
      bounds: DEFAULT_BOUNDS,
      nowMs: 0,
      opening: opening(1),
      bootId: 'boot',
      stored: null,
      madeIn: null,
      wasClean: false,
      isDamaged: false,
      local,
      committed: local.checkpoint,
      history: [],
    })
    loop = new EngineLoop(state, clock, {
      halt: () => undefined,
      persist: (item) =>
        new Promise((resolve, reject) => {
          done.push(`persist ${item.kind}`)
          durable = (error) => (error === undefined ? resolve() : reject(error))
        }),
      after: ({ after }, beside) => {
        const sent = after.send.map(({ message }) => message.kind)
        done.push(`after ${sent.join()}${beside === undefined ? '' : ` with ${beside}`}`)
      },
      failed: (error) => done.push(`failed ${error}`),
    })
    opened = loop.begin(effects)
  })
  const begun = async (): Promise<void> => {
    durable?.()
    await opened
    done.length = 0
  }

  it('takes no event up before what comes with the opening is done', async () => {
    loop.submit(seal(1))
    await turn()
    expect(done).toEqual(['persist marks'])
    durable?.()
    await turn()
    expect(done).toEqual(['persist marks', 'after ', 'persist marks'])
  })

  it('says nothing before it is durable, and takes nothing else up meanwhile', async () => {
    await begun()
    loop.submit(seal(1), { beside: 'luggage', done: () => done.push('done') })
    loop.submit(seal(2))
    await turn()
    expect(done).toEqual(['persist marks'])
    durable?.()
    await turn()
    expect(done).toEqual(['persist marks', 'after sealed with luggage', 'done', 'persist marks'])
    durable?.()
    await turn()
    expect(done.at(-1)).toBe('after sealed')
  })

  it('does within the call what makes nothing durable', async () => {
    await begun()
    loop.submit({ kind: 'tick' }, { done: () => done.push('done') })
    expect(done).toEqual(['after ', 'done'])
  })

  it('makes an event when its turn comes, or none', async () => {
    await begun()
    loop.submit(seal(1))
    loop.submit(() => {
      done.push('made')
      return undefined
    })
    expect(done).toEqual(['persist marks'])
    durable?.()
    await turn()
    expect(done).toEqual(['persist marks', 'after sealed', 'made'])
  })

  it('drops what should come after, and all that waits, when something cannot be made durable', async () => {
    await begun()
    loop.submit(seal(1))
    loop.submit(seal(2), { done: () => done.push('dropped') })
    durable?.(new BlockError('DISK', 'no more'))
    await turn()
    expect(done).toEqual(['persist marks', 'dropped', 'failed BlockError: no more'])
    loop.submit(seal(3), { done: () => done.push('dropped too') })
    expect(done.at(-1)).toBe('dropped too')
  })

  it('fails with the invariant that an event breaks', async () => {
    await begun()
    const broken = { ...local, durable: lsn(5) }
    expect(() => loop.submit({ kind: 'progress', cut: 0, local: broken })).toThrow(/durable is appended/)
    expect(done).toEqual(['failed InvariantError: what is durable is appended'])
    expect(loop.isEnded).toBe(true)
  })
})
