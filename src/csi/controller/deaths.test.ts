/**
 * The driver dies after, or before, each of its requests to the master, and the whole call is made again by another: what comes
 * of it is what would have come of one call, and nothing is left behind.
 */
import { describe, expect, it } from 'vitest'
import type { ControllerDriver } from './controller-driver.ts'
import { publishRequest, range, snapshotRequest, volumeRequest } from './test-requests.ts'
import { ask, cutAt, DriverDied, driverOf, MemoryMaster } from './test-support.ts'

const MIB = 1024 * 1024
const CHAP = { 'chap-user': 'u', 'chap-secret': 'twelve bytes' }

interface Scenario<Given, Result> {
  arrange(driver: ControllerDriver): Promise<Given>
  act(driver: ControllerDriver, given: Given): Promise<Result>
  check(master: MemoryMaster, result: Result, given: Given): void
}

const STEPS_MAX = 60

/** Runs it with a cut at each step, until one is beyond the last; returns how many steps there were. */
async function everywhere<Given, Result>(
  how: 'after' | 'before' | 'lost',
  { arrange, act, check }: Scenario<Given, Result>,
): Promise<number> {
  for (let at = 1; at <= STEPS_MAX; at++) {
    const master = new MemoryMaster()
    const given = await arrange(driverOf(master))
    try {
      check(master, await act(driverOf(cutAt(master, at, how)), given), given)
      return at - 1
    } catch (error) {
      const isCut = error instanceof DriverDied || (error as { code?: string }).code === 'DISCONNECTED'
      if (!isCut) throw error
    }
    check(master, await act(driverOf(master), given), given)
  }
  throw new Error('it does not end')
}

const volumeIn = async (driver: ControllerDriver, name: string): Promise<string> => {
  const { volume } = await ask(driver.service.CreateVolume, volumeRequest(name))
  return volume?.volumeId ?? ''
}

const cloneIn = async (driver: ControllerDriver, source: string): Promise<string> => {
  const request = volumeRequest('b', {
    volumeContentSource: { volume: { volumeId: source }, type: 'volume' },
  })
  const { volume } = await ask(driver.service.CreateVolume, request)
  return volume?.volumeId ?? ''
}

describe.each(['after', 'before', 'lost'] as const)('cut %s a request', (how) => {
  it('a volume is made once, and closed by CHAP', async () => {
    const steps = await everywhere(how, {
      arrange: async () => undefined,
      act: (driver) =>
        ask(
          driver.service.CreateVolume,
          volumeRequest('a', { capacityRange: range(5 * MIB), secrets: CHAP }),
        ),
      check: (master, { volume }) => {
        const [made, ...others] = [...master.volumesById.values()]
        expect(others).toEqual([])
        expect(made).toMatchObject({ id: volume?.volumeId, status: 'active', chapUser: 'u' })
        expect(volume).toMatchObject({ capacityBytes: 5 * MIB, volumeContext: { name: 'a', fsType: 'ext4' } })
      },
    })
    expect(steps).toBeGreaterThanOrEqual(5)
  })

  it('a clone and its source are deleted, and so is the snapshot between', async () => {
    const steps = await everywhere(how, {
      arrange: async (driver) => {
        const source = await volumeIn(driver, 'a')
        return { source, clone: await cloneIn(driver, source) }
      },
      act: async (driver, { source, clone }) => {
        await ask(driver.service.DeleteVolume, { volumeId: clone, secrets: {} })
        return await ask(driver.service.DeleteVolume, { volumeId: source, secrets: {} })
      },
      check: (master) => {
        expect([...master.volumesById.keys()]).toEqual([])
        expect([...master.snapshotsById.values()]).toEqual([])
      },
    })
    expect(steps).toBeGreaterThanOrEqual(8)
  })

  it('a clone is of its source, and is the same when it is asked for again', async () => {
    await everywhere(how, {
      arrange: (driver) => volumeIn(driver, 'a'),
      act: async (driver, source) => {
        const request = volumeRequest('b', {
          volumeContentSource: { volume: { volumeId: source }, type: 'volume' },
        })
        const first = await ask(driver.service.CreateVolume, request)
        expect(await ask(driver.service.CreateVolume, request)).toEqual(first)
        return first
      },
      check: (master, { volume }, source) => {
        const made = master.volumesById.get(volume?.volumeId ?? '')
        expect(made?.madeOf?.volume).toBe(source)
        expect(master.volumesById.size).toBe(2)
        expect(master.snapshotsById.size).toBe(1)
        expect(volume?.contentSource).toMatchObject({ volume: { volumeId: source } })
      },
    })
  })

  it('a volume is published, unpublished and deleted', async () => {
    await everywhere(how, {
      arrange: (driver) => volumeIn(driver, 'a'),
      act: (driver, id) => ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1')),
      check: (master, { publishContext }, id) => {
        expect(master.volumesById.get(id)?.publications).toMatchObject([{ node: 'n1' }])
        expect(publishContext).toMatchObject({ iscsiPortals: '10.0.0.1:3260,10.0.0.2:3260', lun: '0' })
      },
    })
    await everywhere(how, {
      arrange: async (driver) => {
        const id = await volumeIn(driver, 'a')
        await ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1'))
        return id
      },
      act: async (driver, id) => {
        await ask(driver.service.ControllerUnpublishVolume, { volumeId: id, nodeId: 'n1', secrets: {} })
        return await ask(driver.service.DeleteVolume, { volumeId: id, secrets: {} })
      },
      check: (master) => expect(master.volumesById.size).toBe(0),
    })
  })

  it('a snapshot and a group of them are made once', async () => {
    await everywhere(how, {
      arrange: (driver) => volumeIn(driver, 'a'),
      act: (driver, id) => ask(driver.service.CreateSnapshot, snapshotRequest('s', id)),
      check: (master, { snapshot }, id) => {
        expect(master.snapshotsById.size).toBe(1)
        expect(snapshot).toMatchObject({ sourceVolumeId: id, readyToUse: true, groupSnapshotId: '' })
      },
    })
    await everywhere(how, {
      arrange: async (driver) => [await volumeIn(driver, 'a'), await volumeIn(driver, 'b')],
      act: (driver, ids) =>
        ask(driver.groupService.CreateVolumeGroupSnapshot, {
          name: 'g',
          sourceVolumeIds: ids,
          secrets: {},
          parameters: {},
        }),
      check: (master, { groupSnapshot }, ids) => {
        expect(master.snapshotsById.size).toBe(2)
        expect(groupSnapshot?.snapshots?.map(({ sourceVolumeId }) => sourceVolumeId)).toEqual(ids)
        expect(groupSnapshot).toMatchObject({ groupSnapshotId: 'g', readyToUse: true })
      },
    })
  })

  it('a volume is grown and changed', async () => {
    await everywhere(how, {
      arrange: (driver) => volumeIn(driver, 'a'),
      act: async (driver, id) => {
        await ask(driver.service.ControllerModifyVolume, {
          volumeId: id,
          secrets: {},
          mutableParameters: { preset: 'database', iops: '5' },
        })
        return await ask(driver.service.ControllerExpandVolume, {
          volumeId: id,
          capacityRange: range(2 ** 31),
          secrets: {},
          volumeCapability: null,
        })
      },
      check: (master, answer, id) => {
        expect(answer).toEqual({ capacityBytes: 2 ** 31, nodeExpansionRequired: true })
        expect(master.volumesById.get(id)).toMatchObject({ sizeBytes: 2 ** 31, preset: 'database' })
      },
    })
  })
})
