import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { type Readable, readEmpty } from './read-empty.ts'

class Fake implements Readable {
  chunks = 0
  isBetweenPdus = true
  isEnded = false
  wasReset = false

  async reset(): Promise<void> {
    this.wasReset = true
  }
}

/** Each turn of the event loop takes 10 ms, and `onTurn` says what comes in it. */
function clockWith(onTurn: (turn: number) => void): ManualClock {
  const clock = new ManualClock()
  let turn = 0
  clock.yield = async () => {
    onTurn(turn++)
    clock.advance(10)
  }
  return clock
}

it('waits until nothing comes any more', async () => {
  const busy = new Fake()
  let turns = 0
  const clock = clockWith((turn) => {
    turns++
    if (turn < 7) busy.chunks++
  })
  await readEmpty({ clock, timeoutMs: 1000, connections: [busy, new Fake()] })
  expect([busy.wasReset, turns]).toEqual([false, 10])
})

it('waits for the end of a PDU', async () => {
  const half = new Fake()
  half.isBetweenPdus = false
  const clock = clockWith((turn) => {
    if (turn === 4) half.isBetweenPdus = true
  })
  await readEmpty({ clock, timeoutMs: 1000, connections: [half] })
  expect(half.wasReset).toBe(false)
})

it('resets who does not come to an end in time, and nobody else', async () => {
  const [endless, stuck, gone, quiet] = [new Fake(), new Fake(), new Fake(), new Fake()]
  stuck.isBetweenPdus = false
  gone.isBetweenPdus = false
  const clock = clockWith((turn) => {
    endless.chunks++
    if (turn === 3) gone.isEnded = true
  })
  const beganMs = clock.monotonicMs()
  await readEmpty({ clock, timeoutMs: 1000, connections: [endless, stuck, gone, quiet] })
  expect([endless, stuck, gone, quiet].map(({ wasReset }) => wasReset)).toEqual([true, true, false, false])
  expect(clock.monotonicMs() - beganMs).toBe(1000)
})
