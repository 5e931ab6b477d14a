/** What people do with a volume whose disk has come to rest: bad blocks are written again, what is not needed is given up. */
import type { Volume } from '../../src/blockvol/volume.ts'
import { VolumeClient } from './client.ts'
import type { SimClock } from './clock.ts'
import { ModelViolation, UNREADABLE, type VolumeModel } from './model.ts'
import { SnapshotClient } from './snapshot-client.ts'
import type { VolumeJudge } from './volume-judge.ts'

const BLOCK_SECTORS = 8
/** In which space is given back. */
const GIVEN_BACK_MS = 30_000

/** What a host does with bad blocks: it writes them again, or gives them up. */
export async function rewriteUnreadable(
  volume: Volume,
  model: VolumeModel,
  judge: VolumeJudge,
): Promise<void> {
  const client = new VolumeClient(volume, model)
  const values = await judge.readAll(volume)
  for (let sector = 0; sector < values.length; sector += BLOCK_SECTORS) {
    if (values[sector] !== UNREADABLE) continue
    const range = { firstSector: sector, sectors: BLOCK_SECTORS }
    let outcome = await client.write(range)
    // a log that is full of entries which cannot be flushed has room for the trim that makes them needless
    if (outcome === 'BUSY') outcome = await client.trim(range)
    judge.expect(outcome === 'ok', `a bad block cannot be written again: ${outcome}`)
  }
  const outcome = await client.flush()
  judge.expect(outcome === 'ok', `a flush ends with ${outcome}`)
  const left = (await judge.readAll(volume)).includes(UNREADABLE)
  judge.expect(!left, 'blocks that were written again cannot be read')
}

/** A snapshot with bad blocks stays so, for there is no other copy: it is deleted. */
export async function dropBadSnapshots(volume: Volume, model: VolumeModel): Promise<void> {
  const client = new SnapshotClient(volume, model)
  for (const { id, name } of client.list()) {
    const content = await client.readAll(id, true)
    const isBad = [...content.values()].includes(UNREADABLE)
    const outcome = isBad ? await client.delete(id) : 'ok'
    if (outcome !== 'ok') throw new ModelViolation(`${name} cannot be deleted: ${outcome}`)
  }
}

/** Snapshots take space as long as they are there, and no longer. */
export async function giveSpaceBack(volume: Volume, model: VolumeModel, clock: SimClock): Promise<void> {
  const client = new SnapshotClient(volume, model)
  for (const { id, name } of client.list()) {
    const outcome = await client.delete(id)
    if (outcome !== 'ok') throw new ModelViolation(`${name} cannot be deleted: ${outcome}`)
  }
  await volume.checkpoint()
  for (let waitedMs = 0; ; waitedMs += 100) {
    const { snapshots, freeingBytes } = await volume.snapshotUsage()
    if (snapshots.length === 0 && freeingBytes === 0) return
    if (waitedMs > GIVEN_BACK_MS)
      throw new ModelViolation(`${freeingBytes} bytes of snapshots that were deleted are not given back`)
    await clock.sleep(100)
  }
}
