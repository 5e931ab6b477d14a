import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RealClock } from './clock.ts'
import { loadSyscalls, plainSyscalls } from './syscalls.ts'

const native = loadSyscalls((reason) => {
  throw reason
})

describe.each([
  ['native system calls', native],
  ['plain ways', plainSyscalls],
])('RealClock with %s', (_, syscalls) => {
  const clock = new RealClock({ syscalls })

  it('counts milliseconds since boot, as the kernel does', async () => {
    expect(Math.abs(clock.bootMs() - native.bootMs())).toBeLessThan(1000)
    const [boot, monotonic] = [clock.bootMs(), clock.monotonicMs()]
    await clock.sleep(40)
    // The plain way counts in hundredths of a second.
    expect(clock.bootMs() - boot).toBeGreaterThanOrEqual(30)
    expect(clock.monotonicMs() - monotonic).toBeGreaterThanOrEqual(40)
  })
})

describe('RealClock', () => {
  const clock = new RealClock({ syscalls: native })

  it('tells the time of day', () => {
    expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(1000)
  })

  it('never goes back', () => {
    let last = clock.monotonicMs()
    let lastBoot = clock.bootMs()
    for (let i = 0; i < 10_000; i++) {
      const [now, boot] = [clock.monotonicMs(), clock.bootMs()]
      if (now < last || boot < lastBoot) throw new Error('time went back')
      last = now
      lastBoot = boot
    }
  })

  it('never fires early, even by a fraction', async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const delayMs = 1 + i * 0.13
        const start = clock.monotonicMs()
        await clock.sleep(delayMs)
        expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(delayMs)
      }),
    )
  })

  it('does not run what was cancelled, whenever that happens', async () => {
    const ran: string[] = []
    const timer = clock.after(1, () => ran.push('cancelled'))
    clock.after(1, () => ran.push('kept'))
    timer.cancel()
    timer.cancel()
    await clock.sleep(20)
    expect(ran).toEqual(['kept'])
    timer.cancel()
  })

  it('waits for times beyond what one timer of Node can count', async () => {
    const ran: string[] = []
    const timer = clock.after(2 ** 40, () => ran.push('at once'))
    await clock.sleep(20)
    expect(ran).toEqual([])
    timer.cancel()
  })

  it('yields to I/O that is ready', async () => {
    const order: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    setImmediate(() => {
      order.push('other work')
      resolve()
    })
    await clock.yield()
    order.push('after yield')
    await promise
    expect(order).toEqual(['other work', 'after yield'])
  })

  it('does not keep the process alive', () => {
    const source = (name: string): string => JSON.stringify(join(import.meta.dirname, name))
    const script = `import { RealClock } from ${source('clock.ts')}
      import { plainSyscalls } from ${source('syscalls.ts')}
      new RealClock({ syscalls: plainSyscalls }).after(3_600_000, () => undefined)`
    const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 30_000,
    })
    expect(status).toBe(0)
  })
})
