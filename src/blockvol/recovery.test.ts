import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { HookedDisk } from '../../test/blockvol/hooked-disk.ts'
import {
  copyAsCrashed,
  filled,
  freshVolume,
  openVolume,
  portsWith,
  readBlock,
  realDisk,
  useScratch,
} from '../../test/blockvol/scratch.ts'
import { isZero } from '../base/binary.ts'
import { BlockError } from '../base/errors.ts'
import { codeOf } from '../io/test-support.ts'

const scratch = useScratch()

async function rotInLog(directory: string, content: Uint8Array): Promise<void> {
  const at = readFileSync(`${directory}/log`).indexOf(content)
  const file = await open(`${directory}/log`, 'r+')
  await file.write(Uint8Array.of(content[0]! ^ 0xff), 0, 1, at)
  await file.close()
}

interface Loss {
  readonly fromLsn: number
  readonly toLsn: number
}

async function lossOf(directory: string): Promise<Loss> {
  const error: unknown = await openVolume(portsWith(), directory).catch((reason: unknown) => reason)
  if (!(error instanceof BlockError)) throw new Error('the volume opened')
  expect(error.code).toBe('LOG_DAMAGED')
  return { fromLsn: Number(error.facts.fromLsn), toLsn: Number(error.facts.toLsn) }
}

/**
 * Files of a process that died when a flush had written everything but its checkpoint; then the first entry of the log
 * rotted. `later` writes came after the host's last flush.
 */
async function diedInFlush(later: number): Promise<string> {
  const disk = new HookedDisk(realDisk)
  const directory = scratch.next()
  const volume = await freshVolume(portsWith({ disk }), directory)
  for (let i = 1; i <= 5; i++) await volume.write(0, filled(i))
  await volume.setFrontendState(filled(77, 10))
  for (let i = 0; i < later; i++) await volume.write(0, filled(100 + i))
  const crashed: string[] = []
  let hasState = false
  disk.hook = ({ name, path }) => {
    if (name === 'write' && path.endsWith('/state')) hasState = true
    if (name === 'write' && path.endsWith('/super') && hasState) {
      crashed.push(copyAsCrashed(directory, scratch.next()))
    }
  }
  await volume.checkpoint()
  disk.hook = () => undefined
  await volume.close()
  await rotInLog(crashed[0]!, filled(1))
  return crashed[0]!
}

describe('an opening after the process died', () => {
  it('has everything that was acknowledged, flushed or not, again and again', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    let crashed = directory
    for (let round = 0; round < 8; round++) {
      await volume.write(round * 4096, filled(round, 2 * 4096))
      await volume.trim((round + 1) * 4096, 4096)
      if (round % 3 === 1) await volume.checkpoint()
      crashed = copyAsCrashed(crashed, scratch.next())
      await volume.close()
      volume = await openVolume(portsWith(), crashed)
      for (let block = 0; block <= round; block++) {
        expect(
          Buffer.compare(await readBlock(volume, block), filled(block, 2 * 4096).subarray(0, 4096)),
        ).toBe(0)
      }
      expect(isZero(await readBlock(volume, round + 1))).toBe(true)
      expect(volume.epoch.number).toBe(round + 2)
    }
    await volume.close()
  })

  it('drops a torn tail, and nothing of it ever comes back', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1))
    await volume.flush()
    await volume.write(4096, filled(2))
    await volume.write(2 * 4096, filled(3))
    const crashed = copyAsCrashed(directory, scratch.next())
    await volume.close()
    await rotInLog(crashed, filled(2))
    for (let opening = 0; opening < 3; opening++) {
      const again = await openVolume(portsWith(), crashed)
      expect(Buffer.compare(await readBlock(again, 0), filled(1))).toBe(0)
      expect(isZero(await readBlock(again, 1, 2))).toBe(true)
      await again.close()
    }
  })
})

describe('a log with a hole in what was durable', () => {
  it('keeps the volume closed until exactly its loss is accepted', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1))
    await volume.write(4096, filled(2))
    await volume.flush()
    await volume.write(2 * 4096, filled(3))
    const crashed = copyAsCrashed(directory, scratch.next())
    await volume.close()
    await rotInLog(crashed, filled(2))
    const before = readFileSync(`${crashed}/log`)
    const loss = await lossOf(crashed)
    expect(loss).toEqual({ fromLsn: 3, toLsn: 4 })
    for (const wrong of [
      { fromLsn: 2, toLsn: 4 },
      { fromLsn: 3, toLsn: 3 },
      { fromLsn: 3, toLsn: 5 },
    ]) {
      expect(await codeOf(openVolume(portsWith(), crashed, { acceptLogLoss: wrong }))).toBe('LOG_DAMAGED')
    }
    expect(Buffer.compare(readFileSync(`${crashed}/log`), before)).toBe(0)
    const again = await openVolume(portsWith(), crashed, { acceptLogLoss: loss })
    expect(Buffer.compare(await readBlock(again, 0), filled(1))).toBe(0)
    expect(isZero(await readBlock(again, 1, 2))).toBe(true)
    expect(again.status().appendedLsn).toBeGreaterThan(loss.toLsn)
    await again.close()
    await (await openVolume(portsWith(), crashed)).close()
  })

  it.each([0, 20])(
    'is known by what a flush that died wrote, %i writes after the host asked',
    async (later) => {
      const crashed = await diedInFlush(later)
      const loss = await lossOf(crashed)
      expect(loss.toLsn).toBeGreaterThanOrEqual(7 + later)
      let volume = await openVolume(portsWith(), crashed, { acceptLogLoss: loss })
      await volume.setFrontendState(filled(66, 10))
      expect(Buffer.compare(volume.frontendState(), filled(66, 10))).toBe(0)
      await volume.trim(0, 4096)
      await volume.checkpoint()
      expect(isZero(await readBlock(volume, 0))).toBe(true)
      await volume.write(0, filled(9))
      await volume.close()
      volume = await openVolume(portsWith(), crashed)
      expect(Buffer.compare(await readBlock(volume, 0), filled(9))).toBe(0)
      expect(Buffer.compare(volume.frontendState(), filled(66, 10))).toBe(0)
      await volume.close()
    },
  )

  it('takes with it the snapshots that were made behind the hole', async () => {
    const disk = new HookedDisk(realDisk)
    const directory = scratch.next()
    const volume = await freshVolume(portsWith({ disk }), directory)
    await volume.write(0, filled(1))
    await volume.createSnapshot({ id: 1n, name: 'first' })
    await volume.createSnapshot({ id: 2n, name: 'gone' })
    await volume.checkpoint()
    await volume.write(0, filled(2))
    await volume.createSnapshot({ id: 3n, name: 'behind' })
    await volume.deleteSnapshot(2n)
    let crashed: string | undefined
    let hasState = false
    disk.hook = ({ name, path }) => {
      if (name === 'write' && path.endsWith('/state')) hasState = true
      // the state without what was deleted is durable before anything else of the flush
      else if (hasState) crashed ??= copyAsCrashed(directory, scratch.next())
    }
    await volume.checkpoint()
    disk.hook = () => undefined
    await volume.close()
    if (crashed === undefined) throw new Error('no flush')
    await rotInLog(crashed, filled(2))
    const loss = await lossOf(crashed)
    for (const accepted of [{ acceptLogLoss: loss }, {}]) {
      const again = await openVolume(portsWith(), crashed, accepted)
      expect(Buffer.compare(await readBlock(again, 0), filled(1))).toBe(0)
      expect(again.snapshots().map(({ name }) => name)).toEqual(['first'])
      await again.close()
    }
  })
})
