import { open } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { HookedDisk } from '../../../test/blockvol/hooked-disk.ts'
import {
  copyAsCrashed,
  filled,
  freshVolume,
  openVolume,
  portsWith,
  readBlock,
  realDisk,
  useScratch,
} from '../../../test/blockvol/scratch.ts'
import { BlockError } from '../../base/errors.ts'
import { MIB } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'
import type { ExactVersion } from '../api.ts'
import { readSlots, writeSlot } from '../format/dual-slot.ts'
import { decodeState, encodeState, STATE_FORMAT } from '../format/state.ts'
import type { Volume } from '../volume.ts'

const scratch = useScratch()

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = new Uint8Array(1)
  await file.read(byte, 0, 1, at)
  byte[0]! ^= 0xff
  await file.write(byte, 0, 1, at)
  await file.close()
}

async function imageBlock(volume: Volume, id: bigint, block: number): Promise<Uint8Array> {
  const image = await volume.openSnapshot(id)
  try {
    const target = new Uint8Array(4096).fill(0xee)
    await image.read(block, target)
    return target
  } finally {
    await image.close()
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe('a snapshot', () => {
  it('is made once by its id, and refused where its name is taken', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.write(0, filled(1))
    const made = await volume.createSnapshot({ id: 7n, name: 'daily' })
    expect(made).toMatchObject({ id: 7n, name: 'daily', sizeBytes: 4 * MIB })
    await volume.write(0, filled(2))
    let admitted = 0
    const admit = (): void => {
      admitted++
    }
    expect(await volume.createSnapshot({ id: 7n, name: 'daily' }, { admit })).toEqual(made)
    expect(admitted).toBe(0)
    expect(await codeOf(volume.createSnapshot({ id: 7n, name: 'other' }))).toBe('CONFLICT')
    expect(await codeOf(volume.createSnapshot({ id: 8n, name: 'daily' }))).toBe('CONFLICT')
    expect(await codeOf(volume.createSnapshot({ id: 0n, name: 'zero' }))).toBe('INVALID_ARGUMENT')
    expect(await codeOf(volume.createSnapshot({ id: 9n, name: 'Not A Name' }))).toBe('INVALID_ARGUMENT')
    const refused = new BlockError('ABORTED', 'not now')
    const throws = (): void => {
      throw refused
    }
    await expect(volume.createSnapshot({ id: 9n, name: 'x' }, { admit: throws })).rejects.toBe(refused)
    expect(volume.snapshots()).toEqual([made])
    await volume.close()
  })

  it('is not deleted while it is read, and deleted twice as once', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.createSnapshot({ id: 1n, name: 'a' })
    const image = await volume.openSnapshot(1n)
    expect(await codeOf(volume.deleteSnapshot(1n))).toBe('CONFLICT')
    await image.close()
    expect(await codeOf(image.read(0, new Uint8Array(4096)))).toBe('CLOSED')
    await volume.deleteSnapshot(1n)
    await volume.deleteSnapshot(1n)
    expect(await codeOf(volume.openSnapshot(1n))).toBe('NOT_FOUND')
    expect(await codeOf(volume.restoreSnapshot(1n))).toBe('NOT_FOUND')
    await volume.close()
  })

  it('tells of restores, and of the space that it holds', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.write(0, filled(1, 4 * 4096))
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2, 2 * 4096))
    await volume.createSnapshot({ id: 2n, name: 'b' })
    await volume.write(0, filled(3))
    await volume.checkpoint()
    const before = await volume.snapshotUsage()
    expect(before.snapshots).toEqual([
      { id: 1n, heldBytes: 8192, exclusiveBytes: 8192 },
      { id: 2n, heldBytes: 4096, exclusiveBytes: 4096 },
    ])
    const events: string[] = []
    volume.subscribe(({ kind }) => events.push(kind))
    await volume.restoreSnapshot(1n)
    expect(events).toEqual(['restored'])
    expect(same(await readBlock(volume, 0, 4), filled(1, 4 * 4096))).toBe(true)
    await volume.checkpoint()
    expect(same(await readBlock(volume, 0, 4), filled(1, 4 * 4096))).toBe(true)
    expect(same(await imageBlock(volume, 2n, 0), filled(2, 2 * 4096).subarray(0, 4096))).toBe(true)
    await volume.close()
  })

  it('that was made again while a restore to it waited is what it is restored to', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.write(0, filled(1))
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2))
    const order: string[] = []
    const admitted = (what: string) => ({ admit: () => void order.push(what) })
    await Promise.all([
      volume.restoreSnapshot(1n, admitted('restore')),
      volume.deleteSnapshot(1n, admitted('delete')),
      volume.createSnapshot({ id: 1n, name: 'a' }, admitted('create')),
    ])
    expect(order).toEqual(['delete', 'create', 'restore'])
    expect(same(await imageBlock(volume, 1n, 0), filled(2))).toBe(true)
    expect(same(await readBlock(volume, 0), filled(2))).toBe(true)
    await volume.checkpoint()
    expect(same(await readBlock(volume, 0), filled(2))).toBe(true)
    await volume.close()
  })

  it('tells as changed what a restore that is not flushed undid of one before it', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    await volume.write(0, filled(1))
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2))
    await volume.createSnapshot({ id: 2n, name: 'b' })
    await volume.checkpoint()
    await volume.restoreSnapshot(1n)
    const restored = await volume.createSnapshot({ id: 3n, name: 'restored' })
    await volume.restoreSnapshot(2n)
    const undone = await volume.createSnapshot({ id: 4n, name: 'undone' })
    expect(same(await imageBlock(volume, 3n, 0), filled(1))).toBe(true)
    expect(same(await imageBlock(volume, 4n, 0), filled(2))).toBe(true)
    const changed = async () => {
      const image = await volume.openSnapshot(4n)
      const { blocks } = await image.changed({ sinceLsn: restored.lsn, fromBlock: 0, limit: 100 })
      await image.close()
      return blocks
    }
    const dirty = await changed()
    await volume.checkpoint()
    expect(await changed()).toEqual([{ block: 0, lsn: undone.lsn - 1, kind: 'data' }])
    expect(dirty).toEqual(await changed())
    await volume.close()
  })
})

describe('a block that is bad when a snapshot needs it', () => {
  it('is MEDIUM in the snapshot, and nothing else, however often the flush begins again', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1, 3 * 4096))
    await volume.checkpoint()
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.close()
    await flip(`${directory}/extents/000000`, 4096 + 100)
    volume = await openVolume(portsWith(), directory)
    await volume.write(0, filled(2, 3 * 4096))
    await volume.checkpoint()
    for (const at of [0, 2]) {
      const meant = filled(1, 3 * 4096).subarray(at * 4096, (at + 1) * 4096)
      expect(same(await imageBlock(volume, 1n, at), meant)).toBe(true)
    }
    expect(await codeOf(imageBlock(volume, 1n, 1))).toBe('MEDIUM')
    expect(same(await readBlock(volume, 0, 3), filled(2, 3 * 4096))).toBe(true)
    await volume.restoreSnapshot(1n)
    expect(await codeOf(readBlock(volume, 1))).toBe('MEDIUM')
    await volume.checkpoint()
    expect(await codeOf(readBlock(volume, 1))).toBe('MEDIUM')
    expect(same(await readBlock(volume, 2), filled(1, 3 * 4096).subarray(8192))).toBe(true)
    await volume.close()
  })

  it('is had from a peer that has it, by its LSN and checksum', async () => {
    const directory = scratch.next()
    const asked: ExactVersion[] = []
    const repairSource = async (wanted: ExactVersion): Promise<Uint8Array> => {
      asked.push(wanted)
      return filled(1)
    }
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(4096, filled(1))
    await volume.checkpoint()
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.close()
    await flip(`${directory}/extents/000000`, 4096 + 100)
    volume = await openVolume(portsWith(), directory, { repairSource })
    await volume.write(4096, filled(2))
    await volume.checkpoint()
    expect(asked).toHaveLength(1)
    expect(same(await imageBlock(volume, 1n, 1), filled(1))).toBe(true)
    await volume.close()
  })

  it('after it was preserved says nothing of what the volume has there', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1))
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2))
    await volume.checkpoint()
    await volume.close()
    await flip(`${directory}/versions/000000`, 100)
    volume = await openVolume(portsWith(), directory)
    expect(await codeOf(imageBlock(volume, 1n, 0))).toBe('MEDIUM')
    const { health, reasons, counters } = volume.status()
    expect({ health, reasons, errors: counters.checksumErrors }).toEqual({
      ...{ health: 'healthy', reasons: [], errors: 1 },
    })
    await volume.restoreSnapshot(1n)
    expect(await codeOf(readBlock(volume, 0))).toBe('MEDIUM')
    expect(volume.status().health).toBe('degraded')
    await volume.close()
  })

  it('with a map entry that damage took is not known to any snapshot that may have seen it', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.write(0, filled(1))
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2))
    await volume.createSnapshot({ id: 2n, name: 'b' })
    await volume.checkpoint()
    await volume.close()
    await flip(`${directory}/extents/000000.map`, 40)
    volume = await openVolume(portsWith(), directory)
    await volume.write(0, filled(3))
    await volume.checkpoint()
    expect(same(await readBlock(volume, 0), filled(3))).toBe(true)
    expect(await codeOf(imageBlock(volume, 2n, 0))).toBe('MEDIUM')
    // nor is it to be taken for what it was in another one
    const [a, b] = volume.snapshots()
    const image = await volume.openSnapshot(2n)
    const { blocks } = await image.changed({ sinceLsn: a!.lsn, fromBlock: 0, limit: 100 })
    expect(blocks).toContainEqual({ block: 0, lsn: b!.lsn, kind: 'data' })
    await image.close()
    await volume.close()
  })
})

describe('a flush that cannot preserve', () => {
  it('waits for space, and goes on when the snapshot is deleted that needed it', async () => {
    const directory = scratch.next()
    const disk = new HookedDisk(realDisk)
    const volume = await freshVolume(portsWith({ disk }), directory, {
      open: { tuning: { flushRetryMs: 1e9 } },
    })
    await volume.write(0, filled(1, 8 * 4096))
    await volume.checkpoint()
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.write(0, filled(2, 8 * 4096))
    let refused = 0
    disk.hook = ({ name, path }) => {
      if (!path.includes('/versions/') || name !== 'write') return
      refused++
      throw new BlockError('NO_SPACE', 'the disk is full')
    }
    expect(await codeOf(volume.checkpoint())).toBe('NO_SPACE')
    expect(refused).toBeGreaterThan(0)
    // a crash here finds everything: nothing of it was overwritten
    const crashed = await openVolume(portsWith(), copyAsCrashed(directory, scratch.next()))
    expect(same(await imageBlock(crashed, 1n, 3), filled(1, 8 * 4096).subarray(3 * 4096, 4 * 4096))).toBe(
      true,
    )
    await crashed.checkpoint()
    expect(same(await imageBlock(crashed, 1n, 3), filled(1, 8 * 4096).subarray(3 * 4096, 4 * 4096))).toBe(
      true,
    )
    await crashed.close()
    await volume.deleteSnapshot(1n)
    await volume.checkpoint()
    expect(same(await readBlock(volume, 0, 8), filled(2, 8 * 4096))).toBe(true)
    await volume.close()
  })
})

describe('a volume of a release without snapshots', () => {
  it('gets the level that has them with its first one', async () => {
    const directory = scratch.next()
    let volume = await freshVolume(portsWith(), directory)
    await volume.close()
    const file = await realDisk.open(`${directory}/state`, { create: 'never' })
    const { generation, body } = await readSlots(STATE_FORMAT, file)
    const old = { ...decodeState(body, 'state'), formatLevel: 1 }
    for (const next of [1, 2]) await writeSlot(STATE_FORMAT, file, generation + next, encodeState(old))
    await file.close()
    volume = await openVolume(portsWith(), directory)
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.close()
    volume = await openVolume(portsWith(), directory)
    expect(volume.snapshots()).toHaveLength(1)
    await volume.close()
    const saved = await realDisk.open(`${directory}/state`, { create: 'never' })
    expect(decodeState((await readSlots(STATE_FORMAT, saved)).body, 'state').formatLevel).toBe(2)
    await saved.close()
  })
})
