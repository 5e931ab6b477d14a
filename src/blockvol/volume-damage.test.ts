import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Gate, HookedDisk, injected } from '../../test/blockvol/hooked-disk.ts'
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
import { codeOf } from '../io/test-support.ts'

const scratch = useScratch()

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = new Uint8Array(1)
  await file.read(byte, 0, 1, at)
  byte[0]! ^= 0xff
  await file.write(byte, 0, 1, at)
  await file.close()
}

/** Damages the copy of `content` that the log has. */
const rotInLog = (directory: string, content: Uint8Array): Promise<void> =>
  flip(`${directory}/log`, readFileSync(`${directory}/log`).indexOf(content) + 9)

describe('a damaged block', () => {
  it('in the extents is found by scrub with its number, fails to be read, and heals when it is written', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1, 8 * 4096))
    await volume.checkpoint()
    await flip(`${directory}/extents/000000`, 5 * 4096 + 17)
    expect(await volume.scrub()).toMatchObject({ errors: 1, badBlocks: [5] })
    expect(await codeOf(readBlock(volume, 5))).toBe('MEDIUM')
    expect(Buffer.compare(await readBlock(volume, 4), filled(1, 8 * 4096).subarray(4 * 4096, 5 * 4096))).toBe(
      0,
    )
    expect(volume.status().health).toBe('degraded')
    await volume.write(5 * 4096, filled(2))
    await volume.checkpoint()
    expect(await volume.scrub()).toMatchObject({ errors: 0, badBlocks: [] })
    expect(volume.status().health).toBe('healthy')
    await volume.close()
  })

  it('is repaired on read and by scrub from a source that has it', async () => {
    const directory = scratch.next()
    const contents = [filled(10), filled(11)]
    const repairSource = async ({ block }: { block: number }): Promise<Uint8Array | undefined> =>
      contents[block]
    let volume = await freshVolume(portsWith(), directory, { open: { repairSource } })
    for (const block of [0, 1]) await volume.write(block * 4096, contents[block]!)
    await volume.checkpoint()
    for (const block of [0, 1]) await flip(`${directory}/extents/000000`, block * 4096)
    expect(Buffer.compare(await readBlock(volume, 0), contents[0]!)).toBe(0)
    expect((await volume.scrub()).errors).toBe(0)
    expect(volume.status().counters.blocksRepaired).toBe(2)
    await volume.close()
    volume = await openVolume(portsWith(), directory)
    expect((await volume.scrub()).errors).toBe(0)
    await volume.close()
  })

  it('in the log fails to be read and stops the flusher, until it is written again', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    await volume.write(5 * 4096, filled(1))
    await rotInLog(directory, filled(1))
    expect(await codeOf(readBlock(volume, 5))).toBe('MEDIUM')
    expect(await codeOf(volume.checkpoint())).toBe('MEDIUM')
    expect(volume.status().reasons.join()).toContain('the flusher cannot go on')
    await volume.write(5 * 4096, filled(2))
    await volume.checkpoint()
    expect(Buffer.compare(await readBlock(volume, 5), filled(2))).toBe(0)
    expect(volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
    await volume.close()
  })

  it('of a pattern in the log is done with when all that it stood for is written again', async () => {
    const directory = scratch.next()
    const volume = await freshVolume(portsWith(), directory)
    const pattern = filled(3, 512)
    await volume.writeSame(0, 8 * 4096, pattern)
    await rotInLog(directory, pattern)
    expect(await codeOf(volume.checkpoint())).toBe('MEDIUM')
    await volume.write(0, filled(9, 8 * 4096))
    await volume.checkpoint()
    expect(Buffer.compare(await readBlock(volume, 0, 8), filled(9, 8 * 4096))).toBe(0)
    await volume.close()
  })

  it('that a newer write replaced does not cost its neighbours, also when the process dies there', async () => {
    const disk = new HookedDisk(realDisk)
    const ports = portsWith({ disk })
    const directory = scratch.next()
    const volume = await freshVolume(ports, directory)
    await volume.write(10 * 4096, filled(1))
    await volume.checkpoint()
    await volume.write(5 * 4096, filled(2))
    await rotInLog(directory, filled(2))
    expect(await codeOf(volume.checkpoint())).toBe('MEDIUM')
    await volume.write(5 * 4096, filled(3))
    await volume.flush()
    const crashed: string[] = []
    disk.hook = ({ name, path }) => {
      if (name === 'writeMany' && path.endsWith('/000000'))
        crashed.push(copyAsCrashed(directory, scratch.next()))
    }
    await volume.checkpoint()
    await volume.close()
    disk.hook = () => undefined
    expect(crashed.length).toBeGreaterThan(0)
    const again = await openVolume(ports, crashed.at(-1)!)
    await again.checkpoint()
    expect(Buffer.compare(await readBlock(again, 10), filled(1))).toBe(0)
    expect(Buffer.compare(await readBlock(again, 5), filled(3))).toBe(0)
    await again.close()
  })
})

describe('a damaged sector of the map', () => {
  it('makes exactly its blocks unknown, and writing them heals', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1, 96 * 4096))
    await volume.close()
    await flip(`${directory}/extents/000000.map`, 512 + 40)
    volume = await openVolume(portsWith(), directory)
    for (let block = 0; block < 96; block++) {
      const isLost = block >= 32 && block < 64
      expect(await codeOf(readBlock(volume, block)), `block ${block}`).toBe(isLost ? 'MEDIUM' : 'no error')
    }
    await volume.write(40 * 4096, filled(2))
    await volume.close()
    volume = await openVolume(portsWith(), directory)
    expect(await codeOf(readBlock(volume, 33))).toBe('MEDIUM')
    expect(await codeOf(readBlock(volume, 40))).toBe('no error')
    expect(volume.status().health).toBe('degraded')
    await volume.write(32 * 4096, filled(3, 32 * 4096))
    await volume.checkpoint()
    expect((await volume.scrub()).errors).toBe(0)
    expect(volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
    await volume.close()
  })

  it('of the maxima costs nothing', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1))
    await volume.close()
    await flip(`${directory}/maxima`, 40)
    volume = await openVolume(portsWith(), directory)
    await volume.checkpoint()
    expect(Buffer.compare(await readBlock(volume, 0), filled(1))).toBe(0)
    await volume.close()
  })
})

describe('a scrub that meets an error of the disk', () => {
  it('does not end scrubs for good, and the volume closes', async () => {
    const disk = new HookedDisk(realDisk)
    const ports = portsWith({ disk })
    const directory = scratch.next()
    let volume = await freshVolume(ports, directory)
    await volume.write(0, filled(1))
    await volume.close()
    volume = await openVolume(ports, directory)
    disk.isCached = () => false
    disk.hook = ({ name, path }) => {
      if (path.endsWith('/maxima') && name.startsWith('read')) throw injected(name)
    }
    expect(await codeOf(volume.scrub())).toBe('MEDIUM')
    disk.hook = () => undefined
    expect(await volume.scrub()).toMatchObject({ errors: 0 })
    await volume.close()
  })
})

describe('a repair', () => {
  it('does not put an old version over a newer one that is being flushed', async () => {
    const disk = new HookedDisk(realDisk)
    const directory = scratch.next()
    const old = filled(1)
    const asked = new Gate()
    const repairSource = async (): Promise<Uint8Array> => {
      await asked.pass()
      return old
    }
    const volume = await freshVolume(portsWith({ disk }), directory, { open: { repairSource } })
    await volume.write(0, old)
    await volume.checkpoint()
    await flip(`${directory}/extents/000000`, 100)
    const reading = readBlock(volume, 0)
    await asked.reached
    await volume.write(0, filled(2))
    const content = new Gate()
    const writes: string[] = []
    disk.hook = ({ name, path }) => {
      const file = path.slice(directory.length)
      if (name === 'write') writes.push(file)
      // the new content is in the extents, and the map does not say so yet
      return name === 'datasync' && file === '/extents/000000' ? content.pass() : undefined
    }
    const flushed = volume.checkpoint()
    await content.reached
    asked.open()
    expect(Buffer.compare(await reading, old)).toBe(0)
    content.open()
    await flushed
    await volume.close()
    expect(writes).not.toContain('/extents/000000')
    const again = await openVolume(portsWith(), directory)
    expect(Buffer.compare(await readBlock(again, 0), filled(2))).toBe(0)
    await again.close()
  })
})
