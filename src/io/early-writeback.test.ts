import { describe, expect, it } from 'vitest'
import { MIB } from '../base/units.ts'
import { EarlyWriteback } from './early-writeback.ts'
import { loadSyscalls, plainSyscalls } from './syscalls.ts'

describe('early writeback', () => {
  it('begins when some MiB were written, for the range that they lie in, one step at a time', async () => {
    const steps: string[] = []
    const done: (() => void)[] = []
    const writeback = new EarlyWriteback({
      ...plainSyscalls,
      startWriteback: (fd, offsetBytes, lengthBytes) => {
        steps.push(`${fd}: ${offsetBytes / MIB} + ${lengthBytes / MIB}`)
        return new Promise((resolve) => done.push(() => resolve(true)))
      },
    })
    for (let i = 0; i < 3; i++) expect(writeback.wrote(7, (10 + i) * MIB, MIB)).toBeUndefined()
    const first = writeback.wrote(7, 2 * MIB, MIB)
    expect(steps).toEqual(['7: 2 + 11'])
    for (let i = 0; i < 6; i++) expect(writeback.wrote(7, (20 + i) * MIB, MIB)).toBeUndefined()
    done[0]!()
    await first
    expect(writeback.wrote(7, 26 * MIB, MIB)).toBeDefined()
    expect(steps).toEqual(['7: 2 + 11', '7: 20 + 7'])
  })

  it('does no harm where the kernel does not offer it, or the descriptor is not a file', async () => {
    expect(await new EarlyWriteback(plainSyscalls).wrote(7, 0, 8 * MIB)).toBe(false)
    expect(await new EarlyWriteback(loadSyscalls()).wrote(-1, 0, 8 * MIB)).toBe(false)
  })
})
