/** What each call answers, over a master in memory. */
import { describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import { ZONE_KEY } from '../core/topology.ts'
import type { ControllerDriver } from './controller-driver.ts'
import type { OnlyNode } from './ports.ts'
import { mounted, publishRequest, range, raw, snapshotRequest, volumeRequest } from './test-requests.ts'
import { ask, driverOf, MemoryMaster } from './test-support.ts'

const MIB = 1024 * 1024
const NO_VOLUME = '00000000-0000-4000-8000-999999999999'

const start = (onlyNode: OnlyNode | null = null) => {
  const master = new MemoryMaster()
  return { master, driver: driverOf(master, onlyNode) }
}
const made = async (
  driver: ControllerDriver,
  name: string,
  changes: Parameters<typeof volumeRequest>[1] = {},
) => {
  const { volume } = await ask(driver.service.CreateVolume, volumeRequest(name, changes))
  return volume?.volumeId ?? ''
}
const refused = (code: string, message?: RegExp) => ({
  code,
  ...(message === undefined ? {} : { message: expect.stringMatching(message) }),
})

describe('CreateVolume', () => {
  it('finds what it made, and refuses what differs by its key', async () => {
    const { driver } = start()
    const parameters = { preset: 'database', replicas: '3', transport: 'nvme', fsType: 'xfs' }
    const request = volumeRequest('a', { parameters, capacityRange: range(5 * MIB, 8 * MIB) })
    const first = await ask(driver.service.CreateVolume, request)
    expect(first.volume).toMatchObject({ volumeContext: { transport: 'nvme', fsType: 'xfs' } })
    expect(await ask(driver.service.CreateVolume, request)).toEqual(first)
    const others: [Parameters<typeof volumeRequest>[1], RegExp][] = [
      [{ capacityRange: range(9 * MIB) }, /size/],
      [{ capacityRange: range(0, 4 * MIB) }, /size/],
      [{ parameters: { ...parameters, replicas: '2' } }, /replicas/],
      [{ parameters: { ...parameters, multipath: 'true' } }, /multipath/],
      [{ volumeContentSource: { volume: { volumeId: NO_VOLUME } } }, /content source/],
    ]
    for (const [changes, why] of others) {
      const again = ask(driver.service.CreateVolume, { ...request, ...changes })
      await expect(again).rejects.toMatchObject(refused('ALREADY_EXISTS', why))
    }
  })

  it.each([
    [{ volumeCapabilities: [] }, 'INVALID_ARGUMENT'],
    [{ volumeCapabilities: [mounted('MULTI_NODE_MULTI_WRITER')] }, 'INVALID_ARGUMENT'],
    [{ volumeCapabilities: [mounted('SINGLE_NODE_WRITER', 'ntfs')] }, 'INVALID_ARGUMENT'],
    [{ volumeCapabilities: [{ accessMode: { mode: 'SINGLE_NODE_WRITER' as const } }] }, 'INVALID_ARGUMENT'],
    [{ volumeCapabilities: [{ block: {}, accessMode: null }] }, 'INVALID_ARGUMENT'],
    [{ parameters: { size: '1' } }, 'INVALID_ARGUMENT'],
    [{ secrets: { 'chap-user': 'u' } }, 'INVALID_ARGUMENT'],
    [{ secrets: { 'dhchap-secret': 'DHHC-1:00:x:' } }, 'INVALID_ARGUMENT'],
    [{ capacityRange: range(2 ** 50) }, 'OUT_OF_RANGE'],
    [{ capacityRange: range(5000, 6000) }, 'OUT_OF_RANGE'],
    [{ volumeContentSource: { snapshot: { snapshotId: 'none' } } }, 'NOT_FOUND'],
    [{ volumeContentSource: { volume: { volumeId: 'none' } } }, 'NOT_FOUND'],
  ])('refuses %j with %s, and makes nothing', async (changes, code) => {
    const { driver, master } = start()
    const asked = ask(driver.service.CreateVolume, volumeRequest('a', changes))
    await expect(asked).rejects.toMatchObject({ code })
    expect(master.volumesById.size).toBe(0)
  })

  it('takes raw blocks for many writers, and zones', async () => {
    const { driver } = start()
    const at = (zone: string) => ({ segments: { [ZONE_KEY]: zone } })
    const { volume } = await ask(
      driver.service.CreateVolume,
      volumeRequest('a', {
        volumeCapabilities: [raw('MULTI_NODE_MULTI_WRITER')],
        accessibilityRequirements: { requisite: [at('b'), at('a')], preferred: [at('a')] },
      }),
    )
    expect(volume?.accessibleTopology).toEqual([at('a'), at('b')])
  })

  it('makes a volume of a snapshot, which may be larger and not smaller', async () => {
    const { driver, master } = start()
    const source = await made(driver, 'a', { capacityRange: range(8 * MIB) })
    const { snapshot } = await ask(driver.service.CreateSnapshot, snapshotRequest('s', source))
    const of = { snapshot: { snapshotId: snapshot?.snapshotId ?? '' } }
    const larger = { volumeContentSource: of, capacityRange: range(16 * MIB) }
    const id = await made(driver, 'b', larger)
    expect(master.volumesById.get(id)).toMatchObject({ sizeBytes: 16 * MIB, madeOf: { volume: source } })
    const smaller = volumeRequest('c', { volumeContentSource: of, capacityRange: range(0, 4 * MIB) })
    await expect(ask(driver.service.CreateVolume, smaller)).rejects.toMatchObject(refused('OUT_OF_RANGE'))
    const blocks = volumeRequest('c', { volumeContentSource: of, parameters: { logicalBlockSize: '4096' } })
    await expect(ask(driver.service.CreateVolume, blocks)).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
  })

  it('waits as long as it may, and leaves the rest to the next call', async () => {
    const { driver, master } = start()
    master.looksUntilActive = Number.POSITIVE_INFINITY
    const ending = new AbortController()
    const asked = ask(driver.service.CreateVolume, volumeRequest('a'), ending.signal)
    setImmediate(() => ending.abort())
    await expect(asked).rejects.toMatchObject(refused('DEADLINE_EXCEEDED'))
    const [volume] = [...master.volumesById.values()]
    volume!.looks = 1
    expect(await made(driver, 'a')).toBe(volume?.id)
  })

  it('of five hundred at once by two drivers makes five hundred', async () => {
    const { driver, master } = start()
    const other = driverOf(master)
    const ids = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => made(n % 2 === 0 ? driver : other, `pvc-${n % 500}`)),
    )
    expect(new Set(ids).size).toBe(500)
    expect(master.volumesById.size).toBe(500)
  })
})

describe('ControllerPublishVolume', () => {
  it('lets one node in, and says who has the volume', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    const context = { volumeContext: { transport: 'iscsi' } }
    const answer = await ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1', context))
    expect(answer.publishContext).toEqual({
      iqn: 'iqn.2026-11.io.basalt:a',
      iscsiPortals: '10.0.0.1:3260,10.0.0.2:3260',
      nqn: 'nqn.2026-11.io.basalt:a',
      nvmePortals: '10.0.0.1:4420',
      transport: 'iscsi',
      multipath: 'false',
      readOnly: 'false',
      lun: '0',
      nsid: '1',
    })
    expect(master.volumesById.get(id)?.writers.get('n1')).toMatchObject({
      iqn: 'iqn.2026-11.io.basalt:node:n1',
      nqn: 'nqn.2026-11.io.basalt:node:n1',
    })
    const elsewhere = ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n2'))
    await expect(elsewhere).rejects.toMatchObject(refused('FAILED_PRECONDITION'))
    const otherwise = ask(
      driver.service.ControllerPublishVolume,
      publishRequest(id, 'n1', { readonly: true }),
    )
    await expect(otherwise).rejects.toMatchObject(refused('ALREADY_EXISTS'))
    const deleted = ask(driver.service.DeleteVolume, { volumeId: id, secrets: {} })
    await expect(deleted).rejects.toMatchObject(refused('FAILED_PRECONDITION', /n1/))
    await ask(driver.service.ControllerUnpublishVolume, { volumeId: id, nodeId: '', secrets: {} })
    const secrets = { 'dhchap-secret': 'DHHC-1:00:x:' }
    await ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n2', { secrets }))
    expect(master.volumesById.get(id)?.writers.get('n2')).toMatchObject({
      dhchap: { secret: 'DHHC-1:00:x:', controllerSecret: null },
    })
  })

  it('lets several in to read, or to write raw blocks, of which one writes if it is to be one', async () => {
    const { driver } = start()
    const id = await made(driver, 'a')
    const mode = { volumeCapability: raw('MULTI_NODE_SINGLE_WRITER') }
    const publish = (node: string, more = {}) =>
      ask(driver.service.ControllerPublishVolume, publishRequest(id, node, { ...mode, ...more }))
    await publish('n1')
    await expect(publish('n2')).rejects.toMatchObject(refused('FAILED_PRECONDITION', /n1/))
    expect((await publish('n2', { readonly: true })).publishContext).toMatchObject({ readOnly: 'true' })
    const b = await made(driver, 'b')
    const reading = { volumeCapability: mounted('MULTI_NODE_READER_ONLY') }
    for (const node of ['n1', 'n2']) {
      const answer = await ask(driver.service.ControllerPublishVolume, publishRequest(b, node, reading))
      expect(answer.publishContext).toMatchObject({ readOnly: 'true' })
    }
  })

  it('takes nothing from a node that has it when another writer comes in between', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    const mode = { volumeCapability: raw('MULTI_NODE_SINGLE_WRITER') }
    const publish = () => ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1', mode))
    await publish()
    const { publish: published } = master
    master.publish = async (volume, node, wish, signal) => {
      await published(volume, node, wish, signal)
      await published(volume, 'n2', wish, signal)
    }
    await publish()
    expect(master.volumesById.get(id)?.publications).toMatchObject([{ node: 'n1' }, { node: 'n2' }])
    for (const nodeId of ['n1', 'n2']) {
      await ask(driver.service.ControllerUnpublishVolume, { volumeId: id, nodeId, secrets: {} })
    }
    await expect(publish()).rejects.toMatchObject(refused('FAILED_PRECONDITION', /n2/))
    expect(master.volumesById.get(id)?.publications).toMatchObject([{ node: 'n2' }])
  })

  it('checks what is missing first, then what is not there', async () => {
    const { driver } = start({ id: 'n1', volumesMax: 0 })
    const id = await made(driver, 'a')
    const publish = (volume: string, node: string, more = {}) =>
      ask(driver.service.ControllerPublishVolume, publishRequest(volume, node, more))
    const lacking = { volumeCapability: null }
    await expect(publish('fake', 'fake', lacking)).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
    await expect(publish('', 'n1')).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
    await expect(publish(id, '')).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
    await expect(publish('fake', 'n1')).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(publish(NO_VOLUME, 'n1')).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(publish(id, 'fake-node-id')).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(publish(id, 'NOT A NODE')).rejects.toMatchObject(refused('NOT_FOUND'))
    await publish(id, 'n1')
    for (const nodeId of ['fake-node-id', 'NOT A NODE', 'n1', 'n1']) {
      await ask(driver.service.ControllerUnpublishVolume, { volumeId: id, nodeId, secrets: {} })
    }
    for (const volumeId of ['fake', NO_VOLUME]) {
      await ask(driver.service.ControllerUnpublishVolume, { volumeId, nodeId: 'n1', secrets: {} })
    }
  })
})

describe('a node with a limit', () => {
  it('is given so many volumes, again as often as it is asked, and others when one has left', async () => {
    const { driver, master } = start({ id: 'n1', volumesMax: 2 })
    const [a = '', b = '', c = ''] = [
      await made(driver, 'a'),
      await made(driver, 'b'),
      await made(driver, 'c'),
    ]
    const publish = (id: string) => ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1'))
    for (const id of [a, b, a, b]) await publish(id)
    await expect(publish(c)).rejects.toMatchObject(refused('RESOURCE_EXHAUSTED', /2 volumes/))
    expect(master.volumesById.get(c)?.publications).toEqual([])
    await ask(driver.service.ControllerUnpublishVolume, { volumeId: a, nodeId: 'n1', secrets: {} })
    await publish(c)
    await expect(publish(a)).rejects.toMatchObject(refused('RESOURCE_EXHAUSTED'))
  })

  it('keeps what it has when the limit is lowered, and is told so again', async () => {
    const { driver, master } = start({ id: 'n1', volumesMax: 2 })
    const ids = [await made(driver, 'a'), await made(driver, 'b')]
    for (const id of ids) await ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1'))
    const { service } = driverOf(master, { id: 'n1', volumesMax: 1 })
    for (const id of ids) await ask(service.ControllerPublishVolume, publishRequest(id, 'n1'))
    for (const id of ids) expect(master.volumesById.get(id)?.publications).toHaveLength(1)
  })

  it('never has more, also of two calls at once', async () => {
    const { driver, master } = start({ id: 'n1', volumesMax: 1 })
    const ids = [await made(driver, 'a'), await made(driver, 'b')]
    await Promise.allSettled(
      ids.map((id) => ask(driver.service.ControllerPublishVolume, publishRequest(id, 'n1'))),
    )
    const published = ids.filter((id) => master.volumesById.get(id)?.publications.length === 1)
    expect(published.length).toBeLessThanOrEqual(1)
  })
})

describe('DeleteVolume', () => {
  it('refuses snapshots by their names, and takes with it those of clones', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    await made(driver, 'b', { volumeContentSource: { volume: { volumeId: id } } })
    await ask(driver.service.CreateSnapshot, snapshotRequest('s', id))
    const remove = () => ask(driver.service.DeleteVolume, { volumeId: id, secrets: {} })
    await expect(remove()).rejects.toMatchObject(refused('FAILED_PRECONDITION', /: s;/))
    const { entries } = await ask(driver.service.ListSnapshots, {
      ...{ maxEntries: 0, startingToken: '', sourceVolumeId: id, snapshotId: '', secrets: {} },
    })
    expect(entries).toHaveLength(1)
    const snapshotId = entries?.[0]?.snapshot?.snapshotId ?? ''
    await ask(driver.service.DeleteSnapshot, { snapshotId, secrets: {} })
    await ask(driver.service.DeleteSnapshot, { snapshotId, secrets: {} })
    await remove()
    await remove()
    expect([...master.volumesById.values()].map(({ name }) => name)).toEqual(['b'])
    expect(master.snapshotsById.size).toBe(0)
    await ask(driver.service.DeleteVolume, { volumeId: 'fake', secrets: {} })
  })

  it('is not held up by the base of backups, but while one is made', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    await ask(driver.service.CreateSnapshot, snapshotRequest('backup-1', id))
    for (const [key, snapshot] of master.snapshotsById) {
      master.snapshotsById.set(key, { ...snapshot, isOfBackup: true })
    }
    const remove = () => ask(driver.service.DeleteVolume, { volumeId: id, secrets: {} })
    master.isBackedUp = true
    await expect(remove()).rejects.toMatchObject(refused('FAILED_PRECONDITION', /in_use/))
    master.isBackedUp = false
    await remove()
    expect([...master.volumesById, ...master.snapshotsById]).toEqual([])
  })

  it('leaves no snapshot of a clone behind when the driver that made it is gone', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    await made(driver, 'b', { volumeContentSource: { volume: { volumeId: id } } })
    expect(master.snapshotsById.size).toBe(1)
    for (const [key, snapshot] of master.snapshotsById) {
      master.snapshotsById.set(key, { ...snapshot, createdAtMs: 0 })
    }
    const next = driverOf(master)
    next.start()
    await expect.poll(() => master.snapshotsById.size, { interval: 1 }).toBe(0)
    await next.close()
  })

  it('leaves none behind of a clone that was never made, however late it was given up', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    master.cloneSnapshot = () => Promise.reject(new BlockError('NO_SPACE', 'no server has room'))
    const clone = made(driver, 'b', { volumeContentSource: { volume: { volumeId: id } } })
    await expect(clone).rejects.toMatchObject({ code: 'NO_SPACE' })
    expect(master.snapshotsById.size).toBe(1)
    driver.start()
    await expect.poll(() => master.snapshotsById.size, { interval: 1 }).toBe(0)
    await driver.close()
  })

  it('has a clone asked for again when its snapshot was swept away under it', async () => {
    const { driver, master } = start()
    const id = await made(driver, 'a')
    const { cloneSnapshot } = master
    master.cloneSnapshot = async (source, wish, signal) => {
      master.cloneSnapshot = cloneSnapshot
      await master.deleteSnapshot(source, signal)
      return await cloneSnapshot(source, wish, signal)
    }
    const clone = () => made(driver, 'b', { volumeContentSource: { volume: { volumeId: id } } })
    await expect(clone()).rejects.toMatchObject(refused('ABORTED', /ask again/))
    expect(master.volumesById.get(await clone())?.madeOf?.volume).toBe(id)
  })
})

describe('snapshots', () => {
  it('have one name in all, whichever volume they are of', async () => {
    const { driver } = start()
    const [a, b] = [await made(driver, 'a'), await made(driver, 'b')]
    const { snapshot } = await ask(driver.service.CreateSnapshot, snapshotRequest('s', a))
    expect(await ask(driver.service.CreateSnapshot, snapshotRequest('s', a))).toEqual({ snapshot })
    const create = (name: string, source: string) =>
      ask(driver.service.CreateSnapshot, snapshotRequest(name, source))
    await expect(create('s', b)).rejects.toMatchObject(refused('ALREADY_EXISTS'))
    await expect(create('t', NO_VOLUME)).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(create('t', 'testId')).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(create('', 'testId')).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
  })

  it('of a group are shown, and deleted together', async () => {
    const { driver, master } = start()
    const ids = [await made(driver, 'a'), await made(driver, 'b')]
    const request = { name: 'g', sourceVolumeIds: ids, secrets: {}, parameters: {} }
    const create = (more = {}) => ask(driver.groupService.CreateVolumeGroupSnapshot, { ...request, ...more })
    const { groupSnapshot } = await create()
    expect((await create()).groupSnapshot).toEqual(groupSnapshot)
    await expect(create({ sourceVolumeIds: [ids[0]] })).rejects.toMatchObject(refused('ALREADY_EXISTS'))
    await expect(create({ name: 'h', sourceVolumeIds: ['x'] })).rejects.toMatchObject(refused('NOT_FOUND'))
    await expect(create({ name: 'h', sourceVolumeIds: [] })).rejects.toMatchObject(
      refused('INVALID_ARGUMENT'),
    )
    const snapshotIds = groupSnapshot?.snapshots?.map(({ snapshotId }) => snapshotId ?? '') ?? []
    const group = { groupSnapshotId: 'g', snapshotIds, secrets: {} }
    expect((await ask(driver.groupService.GetVolumeGroupSnapshot, group)).groupSnapshot).toEqual(
      groupSnapshot,
    )
    const foreign = { ...group, snapshotIds: ['other'] }
    await expect(ask(driver.groupService.GetVolumeGroupSnapshot, foreign)).rejects.toMatchObject(
      refused('INVALID_ARGUMENT'),
    )
    const some = { ...group, snapshotIds: snapshotIds.slice(1) }
    await expect(ask(driver.groupService.DeleteVolumeGroupSnapshot, some)).rejects.toMatchObject(
      refused('INVALID_ARGUMENT'),
    )
    await ask(driver.groupService.DeleteVolumeGroupSnapshot, group)
    await ask(driver.groupService.DeleteVolumeGroupSnapshot, group)
    expect(master.snapshotsById.size).toBe(0)
    await expect(ask(driver.groupService.GetVolumeGroupSnapshot, group)).rejects.toMatchObject(
      refused('NOT_FOUND'),
    )
  })
})

describe('a group of snapshots', () => {
  const grouped = async () => {
    const { driver, master } = start()
    const ids = [await made(driver, 'a'), await made(driver, 'b')]
    const request = { name: 'g', sourceVolumeIds: ids, secrets: {}, parameters: {} }
    const create = () => ask(driver.groupService.CreateVolumeGroupSnapshot, request)
    await create()
    const group = { groupSnapshotId: 'g', snapshotIds: [], secrets: {} }
    return { driver, master, create, remove: () => ask(driver.groupService.DeleteVolumeGroupSnapshot, group) }
  }

  it('that is half undone is to be asked for again', async () => {
    const { master, create } = await grouped()
    const [[gone = ''] = [], [going = '', snapshot] = []] = [...master.snapshotsById]
    master.snapshotsById.delete(gone)
    master.snapshotsById.set(going, { ...snapshot!, state: 'deleting' })
    await expect(create()).rejects.toMatchObject(refused('ABORTED', /ask again/))
    master.snapshotsById.delete(going)
    await create()
    expect(master.snapshotsById.size).toBe(2)
  })

  it('is deleted when a member is read a moment longer, and not while one is read for long', async () => {
    const { master, remove } = await grouped()
    const { deleteSnapshot } = master
    let reads = 3
    master.deleteSnapshot = async (id, signal) => {
      if (--reads >= 0) throw new BlockError('CONFLICT', 'server s1: the snapshot is being read')
      await deleteSnapshot(id, signal)
    }
    await remove()
    expect([...master.snapshotsById]).toEqual([])
    const other = await grouped()
    other.master.deleteSnapshot = () => Promise.reject(new BlockError('CONFLICT', 'it is being read'))
    await expect(other.remove()).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

describe('lists', () => {
  it('are whole pages, without what is going, and go on where they were', async () => {
    const { driver, master } = start()
    const ids = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) ids.push(await made(driver, name))
    master.volumesById.get(ids[1]!)!.status = 'deleting'
    const list = (startingToken: string) => ask(driver.service.ListVolumes, { maxEntries: 2, startingToken })
    const first = await list('')
    expect(first.entries?.map(({ volume }) => volume?.volumeId)).toEqual([ids[0], ids[2]])
    master.volumesById.delete(ids[2]!)
    const second = await list(first.nextToken ?? '')
    expect(second.entries?.map(({ volume }) => volume?.volumeId)).toEqual([ids[3], ids[4]])
    expect(second.nextToken).toBe('')
    await expect(list('invalid-token')).rejects.toMatchObject(refused('ABORTED'))
  })

  it('capacity is that of the servers in the topology, by the replicas of the parameters', async () => {
    const { driver, master } = start()
    const server = (zone: string, gib: number, isUsable = true) => ({
      ...{ zone, rack: null, diskType: 'ssd', isUsable, allocatedBytes: 0 },
      ...{ capacityBytes: gib * 2 ** 30, freeBytes: gib * 2 ** 30 },
    })
    master.serverList = [server('a', 4), server('a', 2), server('b', 9), server('a', 99, false)]
    const capacity = (more = {}) =>
      ask(driver.service.GetCapacity, {
        ...{ volumeCapabilities: [], parameters: {}, accessibleTopology: null, ...more },
      })
    expect(await capacity()).toMatchObject({ maximumVolumeSize: { value: 4 * 2 ** 30 } })
    const inA = { accessibleTopology: { segments: { [ZONE_KEY]: 'a' } } }
    expect(await capacity(inA)).toMatchObject({ availableCapacity: 2 * 2 ** 30 })
    expect(await capacity({ ...inA, parameters: { replicas: '1' } })).toMatchObject({
      availableCapacity: 6 * 2 ** 30,
    })
    const odd = { volumeCapabilities: [mounted('MULTI_NODE_MULTI_WRITER')] }
    expect(await capacity(odd)).toMatchObject({ availableCapacity: 0 })
  })
})

describe('a volume that is there', () => {
  it('grows, and never shrinks', async () => {
    const { driver } = start()
    const volumeId = await made(driver, 'a', { capacityRange: range(8 * MIB) })
    const expand = (capacityRange: ReturnType<typeof range> | null, id = volumeId) =>
      ask(driver.service.ControllerExpandVolume, {
        ...{ volumeId: id, capacityRange, secrets: {}, volumeCapability: null },
      })
    expect(await expand(range(9 * MIB + 1))).toMatchObject({ capacityBytes: 9 * MIB + 4096 })
    expect(await expand(range(5 * MIB))).toMatchObject({ capacityBytes: 9 * MIB + 4096 })
    await expect(expand(range(4 * MIB, 5 * MIB))).rejects.toMatchObject(refused('OUT_OF_RANGE'))
    await expect(expand(null)).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
    await expect(expand(range(MIB), NO_VOLUME)).rejects.toMatchObject(refused('NOT_FOUND'))
  })

  it('is asked what it can be used for', async () => {
    const { driver } = start()
    const volumeId = await made(driver, 'a', { parameters: { replicas: '3' } })
    const validate = (more = {}) =>
      ask(driver.service.ValidateVolumeCapabilities, {
        ...{ volumeId, volumeContext: {}, volumeCapabilities: [mounted()], parameters: {} },
        ...{ secrets: {}, mutableParameters: {}, ...more },
      })
    expect((await validate()).confirmed?.volumeCapabilities).toEqual([mounted()])
    for (const more of [
      { volumeCapabilities: [mounted('MULTI_NODE_MULTI_WRITER')] },
      { parameters: { replicas: '2' } },
      { volumeContext: { name: 'b' } },
    ]) {
      const answer = await validate(more)
      expect(answer.confirmed).toBeUndefined()
      expect(answer.message).not.toBe('')
    }
    await expect(validate({ volumeCapabilities: [] })).rejects.toMatchObject(refused('INVALID_ARGUMENT'))
    await expect(validate({ volumeId: 'fake' })).rejects.toMatchObject(refused('NOT_FOUND'))
  })

  it('tells its names, its condition and its nodes', async () => {
    const { driver, master } = start()
    const volumeId = await made(driver, 'a')
    await ask(driver.service.ControllerPublishVolume, publishRequest(volumeId, 'n1'))
    master.volumesById.get(volumeId)!.isServing = false
    const { status, volume } = await ask(driver.service.ControllerGetVolume, { volumeId })
    expect(status).toMatchObject({ publishedNodeIds: ['n1'], volumeCondition: { abnormal: true } })
    const { entries } = await ask(driver.service.ListVolumes, { maxEntries: 0, startingToken: '' })
    expect(entries).toEqual([{ volume, status }])
    const { name, iqn, nqn } = master.volumesById.get(volumeId)!
    expect(volume?.volumeContext).toEqual({ name, iqn, nqn })
    await expect(ask(driver.service.ControllerGetVolume, { volumeId: 'x' })).rejects.toMatchObject(
      refused('NOT_FOUND'),
    )
  })
})
