import { open } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { HookedDisk } from '../../test/blockvol/hooked-disk.ts'
import {
  filled,
  freshVolume,
  makeVolume,
  openVolume,
  portsWith,
  readBlock,
  realDisk,
  useScratch,
} from '../../test/blockvol/scratch.ts'
import { isZero } from '../base/binary.ts'
import { MIB, TIB } from '../base/units.ts'
import { codeOf } from '../io/test-support.ts'
import { readIdentity } from './identity.ts'

const scratch = useScratch()

async function overwrite(path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.byteLength, at)
  await file.close()
}

describe('the ends of a volume', () => {
  it('are its last block, and not a byte further, whatever the operation', async () => {
    const volume = await freshVolume(portsWith(), scratch.next(), { create: { sizeBytes: MIB } })
    const sector = filled(1, 512)
    const attempts = (offset: number, bytes: Uint8Array): Promise<unknown>[] => [
      volume.write(offset, bytes),
      volume.read(offset, new Uint8Array(bytes.byteLength)),
      volume.trim(offset, bytes.byteLength),
      volume.writeZeroes(offset, bytes.byteLength),
      volume.writeSame(offset, bytes.byteLength, sector),
      volume.compareAndWrite(offset, new Uint8Array(bytes.byteLength), bytes).then(() => undefined),
      volume.readModifyWrite(offset, bytes.byteLength, () => undefined),
      volume.allocation(offset, bytes.byteLength, 1),
    ]
    for (const attempt of attempts(MIB - 512, sector)) expect(await codeOf(attempt)).toBe('no error')
    for (const [offset, lengthBytes] of [
      [MIB, 512],
      [MIB - 512, 1024],
      [-512, 512],
      [256, 512],
      [0, 256],
    ] as const) {
      for (const attempt of attempts(offset, new Uint8Array(lengthBytes))) {
        expect(await codeOf(attempt), `${lengthBytes} at ${offset}`).toBe('OUT_OF_RANGE')
      }
    }
    await volume.close()
  })

  it('are reached on 64 TiB, where a trim over everything is quick', async () => {
    const directory = scratch.next()
    const ports = portsWith()
    const create = { sizeBytes: 64 * TIB, logBytes: MIB }
    let volume = await freshVolume(ports, directory, { create })
    const blocks = [0, 2 ** 32 + 5, 2 ** 34 - 1]
    for (const block of blocks) await volume.write(block * 4096, filled(block % 97))
    await volume.close()
    volume = await openVolume(ports, directory)
    for (const block of blocks) {
      expect(Buffer.compare(await readBlock(volume, block), filled(block % 97))).toBe(0)
    }
    await volume.trim(0, 64 * TIB)
    await volume.checkpoint()
    for (const block of blocks) expect(isZero(await readBlock(volume, block))).toBe(true)
    expect((await volume.space()).extentsBytes).toBe(0)
    await volume.close()
  })

  it('move when it grows, also when two ask at once, and never back', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    const events: unknown[] = []
    volume.subscribe((event) => events.push(event))
    await Promise.allSettled([volume.resize(30 * MIB), volume.resize(20 * MIB)])
    expect(volume.sizeBytes).toBe(30 * MIB)
    expect(events).toEqual([{ kind: 'resized', sizeBytes: 30 * MIB }])
    expect(await codeOf(volume.resize(20 * MIB))).toBe('INVALID_ARGUMENT')
    await volume.write(30 * MIB - 4096, filled(1))
    await volume.close()
    volume = await openVolume(portsWith(), directory)
    expect(Buffer.compare(await readBlock(volume, 30 * 256 - 1), filled(1))).toBe(0)
    await volume.close()
  })
})

describe('a volume that is open for reading only', () => {
  it('is read and refuses every change', async () => {
    const directory = scratch.next()
    await (await freshVolume(portsWith(), directory)).close()
    const volume = await openVolume(portsWith(), directory, { readOnly: true })
    expect(isZero(await readBlock(volume, 0))).toBe(true)
    for (const change of [
      volume.write(0, filled(1)),
      volume.trim(0, 4096),
      volume.writeZeroes(0, 4096),
      volume.writeSame(0, 4096, filled(1, 512)),
      volume.compareAndWrite(0, filled(1, 512), filled(1, 512)),
      volume.readModifyWrite(0, 512, () => undefined),
    ]) {
      expect(await codeOf(change)).toBe('READ_ONLY')
    }
    await volume.close()
  })
})

describe('space', () => {
  it('is given back by trims', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.write(0, filled(1, 2 * MIB))
    await volume.checkpoint()
    const before = await volume.space()
    expect(before.extentsBytes).toBeGreaterThanOrEqual(2 * MIB)
    await volume.trim(0, 2 * MIB - 4096)
    await volume.checkpoint()
    const after = await volume.space()
    expect(after.extentsBytes).toBeLessThanOrEqual(before.extentsBytes - 2 * MIB + 8192)
    const { extentsBytes, mapBytes, logBytes, versionsBytes, otherBytes } = after
    expect(extentsBytes + mapBytes + logBytes + versionsBytes + otherBytes).toBe(after.totalBytes)
    await volume.close()
  })

  it('that is nearly used up is refused to new blocks only', async () => {
    const disk = new HookedDisk(realDisk)
    const directory = scratch.next()
    const roomy = await freshVolume(portsWith({ disk }), directory)
    await roomy.write(0, filled(1, 2 * 4096))
    await roomy.close()
    disk.freeBytes = 0
    const volume = await openVolume(portsWith({ disk }), directory, { tuning: { reserveBytes: MIB } })
    expect(await codeOf(volume.write(40 * 4096, filled(2)))).toBe('NO_SPACE')
    expect(await codeOf(volume.write(40 * 4096, filled(2, 512)))).toBe('NO_SPACE')
    expect(await codeOf(volume.writeSame(40 * 4096, 4096, filled(2, 512)))).toBe('NO_SPACE')
    await volume.write(4096, filled(3))
    await volume.write(512, filled(4, 512))
    await volume.trim(40 * 4096 + 512, 8192)
    await volume.trim(0, 4096)
    expect(await codeOf(volume.write(0, filled(2)))).toBe('NO_SPACE')
    await volume.checkpoint()
    disk.freeBytes = undefined
    await volume.write(40 * 4096, filled(2))
    expect(Buffer.compare(await readBlock(volume, 40), filled(2))).toBe(0)
    expect(Buffer.compare(await readBlock(volume, 1), filled(3))).toBe(0)
    await volume.close()
  })
})

describe('making a volume', () => {
  it('starts over what an interrupted attempt left, and never over a volume', async () => {
    const directory = scratch.next()
    const disk = new HookedDisk(realDisk)
    const ports = portsWith({ disk })
    disk.hook = ({ name, path }) => {
      if (name === 'write' && path.endsWith('/super')) throw new Error('the process died')
    }
    await expect(makeVolume(ports, directory)).rejects.toThrow('the process died')
    disk.hook = () => undefined
    expect(await codeOf(openVolume(ports, directory))).toMatch(/CORRUPT|NOT_FOUND/)
    await makeVolume(ports, directory)
    expect(await codeOf(makeVolume(ports, directory))).toBe('CONFLICT')
    const { name, sizeBytes } = await readIdentity(realDisk, directory)
    expect([name, sizeBytes]).toEqual(['vol1', 4 * MIB])
    await (await openVolume(ports, directory)).close()
    for (const slot of [0, 4096]) await overwrite(`${directory}/super`, slot + 50, filled(1, 8))
    expect(await codeOf(makeVolume(ports, directory))).toBe('CORRUPT')
    expect(await codeOf(openVolume(ports, scratch.next()))).toBe('NOT_FOUND')
  })

  it('leaves a superblock that survives one damaged slot, and a state that is not older than the checkpoint', async () => {
    const directory = scratch.next()
    const ports = portsWith()
    await (await freshVolume(ports, directory)).close()
    for (const slot of [0, 4096]) {
      await overwrite(`${directory}/super`, slot + 50, filled(1, 8))
      await (await openVolume(ports, directory)).close()
    }
    const state = `${directory}/state`
    const generations = await Promise.all(
      [0, 2 * MIB].map(async (slot) => {
        const file = await open(state, 'r')
        const { buffer } = await file.read(Buffer.alloc(32), 0, 32, slot)
        await file.close()
        return buffer.readUInt32LE(8)
      }),
    )
    await overwrite(state, generations[0]! > generations[1]! ? 40 : 2 * MIB + 40, filled(1, 8))
    expect(await codeOf(openVolume(ports, directory))).toBe('CORRUPT')
  })
})
