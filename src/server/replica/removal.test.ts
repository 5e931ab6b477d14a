/**
 * A replica that is removed, with the power failing after every effect on the disk: it is there whole, or it is gone, and
 * after the next start nothing is left of what is gone.
 */
import { describe, expect, it } from 'vitest'
import { crashStates, FULL_LIMITS } from '../../../test/crash/states.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { Storage } from '../../../test/sim/storage.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import { Removal } from './removal.ts'

const UUID = '11111111-2222-4333-8444-555555555555'
const OTHER = '22222222-2222-4333-8444-555555555555'
const VOLUMES = `${DATA_DIRECTORY}/volumes`
const LOGS = `${DATA_DIRECTORY}/logs`

const removalOf = ({ disk }: SimProcess, logRoot: string | undefined): Removal =>
  new Removal({ disk, logger: silentLogger, path: VOLUMES, logRoot })

async function makeFile({ disk }: SimProcess, directory: string, name: string): Promise<void> {
  await disk.makeDirectory(directory)
  const file = await disk.open(`${directory}/${name}`, { create: 'new' })
  await file.write([new Uint8Array(4096).fill(7)], 0)
  await file.datasync()
  await file.close()
  await disk.syncDirectory(directory)
}

async function setUp(process: SimProcess): Promise<void> {
  for (const uuid of [UUID, OTHER]) {
    await makeFile(process, `${VOLUMES}/${uuid}`, 'super')
    await makeFile(process, `${LOGS}/${uuid}`, 'log')
  }
  for (const path of [VOLUMES, LOGS, DATA_DIRECTORY]) await process.disk.syncDirectory(path)
}

describe('the removal of a replica', () => {
  it.each([['logs elsewhere', LOGS] as const, ['logs inside', undefined] as const])(
    'is whole at every crash: %s',
    async (_, logRoot) => {
      const scheduler = new Scheduler(1)
      const storage = emptyStorage()
      const snapshots: { readonly storage: Storage; readonly isDone: boolean }[] = []
      let isDone = false
      let isRecording = false
      const process = startProcess({
        storage,
        scheduler,
        seed: 1,
        onEffect: () => {
          if (isRecording) snapshots.push({ storage: storage.fork(), isDone })
        },
      })
      await scheduler.until(
        (async () => {
          await setUp(process)
          isRecording = true
          const removal = removalOf(process, logRoot)
          await removal.mark(UUID)
          isDone = true
          await removal.settled()
          isRecording = false
        })(),
        { what: 'the removal' },
      )
      expect(snapshots.length).toBeGreaterThan(3)

      let outcomes = 0
      for (const [index, snapshot] of snapshots.entries()) {
        for (const { label, build } of crashStates(
          snapshot.storage,
          snapshots[index + 1]?.storage,
          FULL_LIMITS,
        )) {
          const found = await afterRestart(build(), logRoot)
          const what = `effect ${index}, ${label}`
          expect(found.volumes, what).toContain(OTHER)
          expect(found.volumes, what).toEqual(found.volumes.includes(UUID) ? [UUID, OTHER] : [OTHER])
          if (logRoot !== undefined) expect(found.logs, what).toEqual(found.volumes)
          if (snapshot.isDone) expect(found.volumes, what).toEqual([OTHER])
          outcomes++
        }
      }
      expect(outcomes).toBeGreaterThan(snapshots.length)
    },
  )

  it('resolves when nothing is left, and another replica of the volume may come then', async () => {
    const scheduler = new Scheduler(1)
    const process = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    await scheduler.until(
      (async () => {
        await setUp(process)
        const removal = removalOf(process, LOGS)
        await removal.mark(UUID)
        expect(removal.isLeaving(UUID)).toBe(true)
        await removal.gone(UUID)
        await removal.settled()
        expect(removal.isLeaving(UUID)).toBe(false)
        for (const path of [VOLUMES, LOGS]) expect(await process.disk.list(path)).toEqual([OTHER])
        await makeFile(process, `${VOLUMES}/${UUID}`, 'super')
        await removal.resume()
        await removal.settled()
        expect(await process.disk.list(VOLUMES)).toEqual([UUID, OTHER])
      })(),
      { what: 'a removal' },
    )
  })

  it('is tried again when it is asked for, after the disk refused it', async () => {
    const scheduler = new Scheduler(1)
    const process = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    let refusals = 2
    const { disk } = process
    const remove = disk.remove.bind(disk)
    disk.remove = async (path) => {
      if (path === `${VOLUMES}/${UUID}` && refusals-- > 0) throw new BlockError('DISK', 'it is not empty')
      await remove(path)
    }
    await scheduler.until(
      (async () => {
        await setUp(process)
        const removal = removalOf(process, LOGS)
        await removal.mark(UUID)
        await expect(removal.gone(UUID)).rejects.toMatchObject({ code: 'DISK' })
        await expect(removal.gone(UUID)).rejects.toMatchObject({ code: 'DISK' })
        expect(removal.isLeaving(UUID)).toBe(true)
        await removal.gone(UUID)
        await removal.settled()
        expect(removal.isLeaving(UUID)).toBe(false)
        expect(await process.disk.list(VOLUMES)).toEqual([OTHER])
      })(),
      { what: 'a removal that is refused' },
    )
  })
})

/** What a server finds after a start, once nothing is leaving any more. */
async function afterRestart(
  storage: Storage,
  logRoot: string | undefined,
): Promise<{ readonly volumes: readonly string[]; readonly logs: readonly string[] }> {
  const scheduler = new Scheduler(2)
  const process = startProcess({ storage, scheduler, seed: 2 })
  const look = async () => {
    const removal = removalOf(process, logRoot)
    await removal.resume()
    await removal.settled()
    return { volumes: await process.disk.list(VOLUMES), logs: await process.disk.list(LOGS) }
  }
  return await scheduler.until(look(), { what: 'the start' })
}
