import { describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import { lsn } from '../base/units.ts'
import { codeOf } from '../io/test-support.ts'
import { CommittedByReplicas } from './commitment.ts'

const busy = new BlockError('BUSY', 'too few replicas answer')

function setUp(): {
  commitment: CommittedByReplicas
  asked: number[]
  told: string[]
  wait: (at: number) => void
  flush: (at: number) => void
} {
  const asked: number[] = []
  const told: string[] = []
  const commitment = new CommittedByReplicas({ lsn: lsn(10), onFlushAsked: (at) => asked.push(at) })
  const note = (what: string, promise: Promise<void> | undefined): void => {
    if (promise === undefined) told.push(`${what} at once`)
    else void codeOf(promise).then((code) => told.push(`${what} ${code}`))
  }
  return {
    commitment,
    asked,
    told,
    wait: (at) => note(`commit ${at}`, commitment.committed(at)),
    flush: (at) => note(`flush ${at}`, commitment.flushed(at)),
  }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a volume whose replicas decide what is committed', () => {
  it('lets those go on whose entry is committed, in any order of waiting', async () => {
    const { commitment, told, wait } = setUp()
    for (const at of [10, 12, 11, 13]) wait(at)
    commitment.acknowledge(lsn(12))
    commitment.acknowledge(lsn(11))
    await settled()
    expect(told).toEqual(['commit 10 at once', 'commit 12 no error', 'commit 11 no error'])
    expect(commitment.lsn).toBe(12)
  })

  it('asks for each flush, and answers it when it is told so, not when it is committed', async () => {
    const { commitment, asked, told, flush } = setUp()
    flush(10)
    flush(12)
    flush(14)
    commitment.acknowledge(lsn(20))
    await settled()
    expect(asked).toEqual([12, 14])
    expect(told).toEqual(['flush 10 no error'])
    commitment.flush(lsn(13))
    await settled()
    expect(told).toEqual(['flush 10 no error', 'flush 12 no error'])
  })

  it('refuses those who wait for too long, and still commits their entries when that becomes possible', async () => {
    const { commitment, told, wait, flush } = setUp()
    wait(11)
    wait(15)
    flush(11)
    commitment.refuse(lsn(11), busy)
    await settled()
    expect(told).toEqual(['commit 11 BUSY', 'flush 11 BUSY'])
    commitment.acknowledge(lsn(15))
    await settled()
    expect(told.at(-1)).toBe('commit 15 no error')
    wait(11)
    expect(told.at(-1)).toBe('commit 11 at once')
  })

  it('fails everyone when the volume is lost, those who come later too', async () => {
    const { commitment, told, wait, flush } = setUp()
    wait(11)
    flush(11)
    commitment.fail(new BlockError('POISONED', 'gone'))
    wait(12)
    flush(12)
    wait(10)
    await settled()
    expect(told.sort()).toEqual([
      'commit 10 at once',
      'commit 11 POISONED',
      'commit 12 POISONED',
      'flush 11 POISONED',
      'flush 12 POISONED',
    ])
  })
})
