import assert from 'node:assert/strict'
import { ABSENT_ID, behaviour, type Context, FOREIGN_ID, refused, SIZE, sameVolume } from '../case.ts'

const ABSENT_SNAPSHOT = `${ABSENT_ID}/0000000000000001`

async function listed({ client }: Context, maxEntries = 0, sourceVolumeId = ''): Promise<string[]> {
  const ids: string[] = []
  let startingToken = ''
  do {
    const page = await client.controller.ListSnapshots({ maxEntries, startingToken, sourceVolumeId })
    if (maxEntries > 0) assert.ok(page.entries.length <= maxEntries)
    ids.push(...page.entries.map(({ snapshot }) => snapshot?.snapshotId ?? ''))
    startingToken = page.nextToken
  } while (startingToken !== '')
  return ids
}

export const CREATE_SNAPSHOT = behaviour('CreateSnapshot', {
  'without a name is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.CreateSnapshot({ sourceVolumeId: 'testId' }), /name/)
  },
  'without a volume is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.CreateSnapshot({ name: 'name' }), /source_volume_id/)
  },
  'of a volume that there is not is not found': async (c) => {
    for (const sourceVolumeId of [FOREIGN_ID, ABSENT_ID]) {
      await refused('NOT_FOUND', c.client.controller.CreateSnapshot({ sourceVolumeId, name: c.name() }))
    }
  },
  'answers one that is ready, with id, size, source and time': async (c) => {
    const { volumeId } = await c.volume()
    const beganMs = Date.now()
    const snapshot = await c.snapshot(volumeId)
    assert.ok(snapshot.snapshotId.startsWith(`${volumeId}/`))
    assert.ok(Buffer.byteLength(snapshot.snapshotId) <= 128)
    assert.equal(snapshot.sourceVolumeId, volumeId)
    assert.equal(snapshot.sizeBytes, String(SIZE))
    assert.equal(snapshot.readyToUse, true)
    assert.equal(snapshot.groupSnapshotId, '')
    assert.ok(Math.abs(Number(snapshot.creationTime?.seconds) * 1000 - beganMs) < 60_000)
  },
  'again finds it': async (c) => {
    const { volumeId } = await c.volume()
    const name = c.name('s')
    const first = await c.snapshot(volumeId, name)
    assert.deepEqual(await c.snapshot(volumeId, name), first)
    assert.equal((await listed(c, 0, volumeId)).length, 1)
  },
  'of another volume by the same name exists already': async (c) => {
    const name = c.name('s')
    await c.snapshot((await c.volume()).volumeId, name)
    const { volumeId: sourceVolumeId } = await c.volume()
    await refused('ALREADY_EXISTS', c.client.controller.CreateSnapshot({ sourceVolumeId, name }))
  },
  'with a name of 128 bytes, of capitals, of any characters': async (c) => {
    const { volumeId } = await c.volume()
    const names = [c.name('m').padEnd(128, 'x'), c.name('CreateSnapshot-Snapshot_1'), `${c.name()} ✓ größe`]
    for (const name of names) {
      const first = await c.snapshot(volumeId, name)
      assert.equal((await c.snapshot(volumeId, name)).snapshotId, first.snapshotId)
    }
    assert.equal((await listed(c, 0, volumeId)).length, names.length)
  },
  'with an unknown parameter is refused': async (c) => {
    const { volumeId: sourceVolumeId } = await c.volume()
    const request = { sourceVolumeId, name: c.name(), parameters: { colour: 'red' } }
    await refused('INVALID_ARGUMENT', c.client.controller.CreateSnapshot(request), /colour/)
  },
  'takes the keys that the snapshotter adds': async (c) => {
    const { volumeId: sourceVolumeId } = await c.volume()
    const { snapshot } = await c.client.controller.CreateSnapshot({
      sourceVolumeId,
      name: c.name(),
      parameters: { 'csi.storage.k8s.io/volumesnapshot/name': 'x' },
    })
    c.later(() => c.client.controller.DeleteSnapshot({ snapshotId: snapshot?.snapshotId ?? '' }))
  },
})

export const DELETE_SNAPSHOT = behaviour('DeleteSnapshot', {
  'without an id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.DeleteSnapshot({}), /snapshot_id/)
  },
  'of one that there is not is done': async ({ client }) => {
    for (const snapshotId of ['reallyfakesnapshotid', ABSENT_SNAPSHOT, 'a/b/c', 'x'.repeat(128)]) {
      await client.controller.DeleteSnapshot({ snapshotId })
    }
  },
  'twice is done, and frees its name': async (c) => {
    const { volumeId } = await c.volume()
    const name = c.name('s')
    const { snapshotId } = await c.snapshot(volumeId, name)
    await c.client.controller.DeleteSnapshot({ snapshotId })
    await c.client.controller.DeleteSnapshot({ snapshotId })
    assert.notEqual((await c.snapshot(volumeId, name)).snapshotId, snapshotId)
  },
})

export const LIST_SNAPSHOTS = behaviour('ListSnapshots', {
  'has new ones, and not those that are gone': async (c) => {
    const before = await listed(c)
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    assert.deepEqual((await listed(c)).sort(), [...before, snapshotId].sort())
    await c.client.controller.DeleteSnapshot({ snapshotId })
    assert.deepEqual((await listed(c)).sort(), before.sort())
  },
  'by id has that one': async (c) => {
    const { volumeId } = await c.volume()
    await c.snapshot(volumeId)
    const wanted = await c.snapshot(volumeId)
    const { entries } = await c.client.controller.ListSnapshots({ snapshotId: wanted.snapshotId })
    assert.deepEqual(entries, [{ snapshot: wanted }])
  },
  'by an id that there is not is empty': async ({ client }) => {
    for (const snapshotId of ['none-exist-id', ABSENT_SNAPSHOT]) {
      const answer = await client.controller.ListSnapshots({ snapshotId })
      assert.deepEqual(answer, { entries: [], nextToken: '' })
    }
  },
  'by volume has those of it': async (c) => {
    const [one, other] = [await c.volume(), await c.volume()]
    const { snapshotId } = await c.snapshot(one.volumeId)
    await c.snapshot(other.volumeId)
    assert.deepEqual(await listed(c, 0, one.volumeId), [snapshotId])
  },
  'by a volume that there is not is empty': async ({ client }) => {
    for (const sourceVolumeId of [FOREIGN_ID, ABSENT_ID]) {
      assert.deepEqual((await client.controller.ListSnapshots({ sourceVolumeId })).entries, [])
    }
  },
  'by a volume and the id of another one is empty': async (c) => {
    const [one, other] = [await c.volume(), await c.volume()]
    const { snapshotId } = await c.snapshot(one.volumeId)
    const request = { snapshotId, sourceVolumeId: other.volumeId }
    assert.deepEqual((await c.client.controller.ListSnapshots(request)).entries, [])
  },
  'in pages has each once': async (c) => {
    const { volumeId } = await c.volume()
    for (let i = 0; i < 5; i++) await c.snapshot(volumeId)
    const whole = await listed(c)
    assert.ok(whole.length >= 5)
    for (const maxEntries of [1, 2, 1000])
      assert.deepEqual((await listed(c, maxEntries)).sort(), [...whole].sort())
    const first = await c.client.controller.ListSnapshots({ maxEntries: 2 })
    const rest = await c.client.controller.ListSnapshots({ startingToken: first.nextToken })
    assert.equal(first.entries.length, 2)
    assert.equal(rest.entries.length, whole.length - 2)
  },
  'from a token that was never given is aborted': async ({ client }) => {
    await refused('ABORTED', client.controller.ListSnapshots({ startingToken: 'invalid-token' }))
  },
})

export const CLONES = behaviour('a volume of another', {
  'from a snapshot has its source, and is found again': async (c) => {
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    const volumeContentSource = { snapshot: { snapshotId } }
    const wish = c.wish({ volumeContentSource })
    const volume = await c.volume(wish)
    assert.equal(volume.contentSource?.snapshot?.snapshotId, snapshotId)
    sameVolume(volume, (await c.client.controller.CreateVolume(wish)).volume)
  },
  'from a snapshot may be larger than it': async (c) => {
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    const volume = await c.volume({
      volumeContentSource: { snapshot: { snapshotId } },
      capacityRange: { requiredBytes: String(2 * SIZE) },
    })
    assert.equal(volume.capacityBytes, String(2 * SIZE))
  },
  'from a snapshot without a size has its size': async (c) => {
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    const volume = await c.volume({ volumeContentSource: { snapshot: { snapshotId } }, capacityRange: null })
    assert.equal(volume.capacityBytes, String(SIZE))
  },
  'from a snapshot cannot be smaller than it': async (c) => {
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    const wish = c.wish({
      volumeContentSource: { snapshot: { snapshotId } },
      capacityRange: { requiredBytes: String(SIZE / 2), limitBytes: String(SIZE / 2) },
    })
    await refused('OUT_OF_RANGE', c.client.controller.CreateVolume(wish))
  },
  'by the same name from another snapshot exists already': async (c) => {
    const { volumeId } = await c.volume()
    const [one, other] = [await c.snapshot(volumeId), await c.snapshot(volumeId)]
    const wish = c.wish({ volumeContentSource: { snapshot: { snapshotId: one.snapshotId } } })
    await c.volume(wish)
    const second = { ...wish, volumeContentSource: { snapshot: { snapshotId: other.snapshotId } } }
    await refused('ALREADY_EXISTS', c.client.controller.CreateVolume(second))
  },
  'from a snapshot, gone while it is filled, does not keep the snapshot': async (c) => {
    const { controller } = c.client
    const { snapshotId } = await c.snapshot((await c.volume()).volumeId)
    const clone = async (): Promise<void> => {
      const { volumeId } = await c.volume({ volumeContentSource: { snapshot: { snapshotId } } })
      await controller.DeleteVolume({ volumeId })
    }
    await Promise.all(Array.from({ length: 8 }, clone))
    await controller.DeleteSnapshot({ snapshotId })
    assert.deepEqual((await controller.ListSnapshots({ snapshotId })).entries, [])
  },
  'from a volume has its source, and is found again': async (c) => {
    const source = await c.volume()
    const wish = c.wish({ volumeContentSource: { volume: { volumeId: source.volumeId } } })
    const volume = await c.volume(wish)
    assert.equal(volume.contentSource?.volume?.volumeId, source.volumeId)
    sameVolume(volume, (await c.client.controller.CreateVolume(wish)).volume)
  },
  'from a volume leaves nothing behind that keeps the source': async (c) => {
    const source = await c.volume()
    const clone = await c.volume({ volumeContentSource: { volume: { volumeId: source.volumeId } } })
    await c.client.controller.DeleteVolume({ volumeId: clone.volumeId })
    await c.client.controller.DeleteVolume({ volumeId: source.volumeId })
    await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId: source.volumeId }))
  },
  'from a volume shows no snapshot to the orchestrator': async (c) => {
    const source = await c.volume()
    await c.volume({ volumeContentSource: { volume: { volumeId: source.volumeId } } })
    assert.deepEqual(await listed(c, 0, source.volumeId), [])
  },
  'from a source without an id is refused': async (c) => {
    for (const volumeContentSource of [{ snapshot: {} }, { volume: {} }, {}]) {
      const call = c.client.controller.CreateVolume(c.wish({ volumeContentSource }))
      await refused('INVALID_ARGUMENT|NOT_FOUND', call)
    }
  },
})

export const GROUPS = behaviour('group snapshots', {
  'without a name, an id, or volumes are refused': async (c) => {
    const { group } = c.client
    await refused(
      'INVALID_ARGUMENT',
      group.CreateVolumeGroupSnapshot({ sourceVolumeIds: [ABSENT_ID] }),
      /name/,
    )
    await refused(
      'INVALID_ARGUMENT',
      group.CreateVolumeGroupSnapshot({ name: c.name() }),
      /source_volume_ids/,
    )
    await refused('INVALID_ARGUMENT', group.GetVolumeGroupSnapshot({}), /group_snapshot_id/)
    await refused('INVALID_ARGUMENT', group.DeleteVolumeGroupSnapshot({}), /group_snapshot_id/)
  },
  'of a volume that there is not are not found': async (c) => {
    const { volumeId } = await c.volume()
    for (const absent of [FOREIGN_ID, ABSENT_ID]) {
      const request = { name: c.name(), sourceVolumeIds: [volumeId, absent] }
      await refused('NOT_FOUND', c.client.group.CreateVolumeGroupSnapshot(request))
    }
    assert.deepEqual(await listed(c, 0, volumeId), [])
  },
  'that there are not: not found, and deleted': async ({ client }) => {
    for (const groupSnapshotId of ['reallyfakegroup', 'fake-vol-id-1']) {
      await refused('NOT_FOUND', client.group.GetVolumeGroupSnapshot({ groupSnapshotId }))
      await client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId })
    }
  },
  'have one snapshot of each volume, told by every call alike': async (c) => {
    const volumes = [await c.volume(), await c.volume()].map(({ volumeId }) => volumeId)
    const request = { name: c.name('Group'), sourceVolumeIds: volumes }
    const { groupSnapshot: made } = await c.client.group.CreateVolumeGroupSnapshot(request)
    assert.ok(made)
    const { groupSnapshotId, snapshots } = made
    const snapshotIds = snapshots.map(({ snapshotId }) => snapshotId)
    c.later(() => c.client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds }))
    assert.equal(made.readyToUse, true)
    assert.deepEqual(snapshots.map(({ sourceVolumeId }) => sourceVolumeId).sort(), [...volumes].sort())
    assert.ok(snapshots.every((one) => one.groupSnapshotId === groupSnapshotId))
    const again = await c.client.group.CreateVolumeGroupSnapshot(request)
    assert.equal(again.groupSnapshot?.groupSnapshotId, groupSnapshotId)
    const got = await c.client.group.GetVolumeGroupSnapshot({ groupSnapshotId, snapshotIds })
    assert.deepEqual(
      got.groupSnapshot?.snapshots.map(({ snapshotId }) => snapshotId).sort(),
      [...snapshotIds].sort(),
    )
    const { entries } = await c.client.controller.ListSnapshots({ snapshotId: snapshotIds[0] ?? '' })
    assert.equal(entries[0]?.snapshot?.groupSnapshotId, groupSnapshotId)
  },
  'by the same name of other volumes exist already': async (c) => {
    const [one, other] = [await c.volume(), await c.volume()]
    const name = c.name('g')
    const { groupSnapshot } = await c.client.group.CreateVolumeGroupSnapshot({
      name,
      sourceVolumeIds: [one.volumeId],
    })
    const groupSnapshotId = groupSnapshot?.groupSnapshotId ?? ''
    c.later(() => c.client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId }))
    const request = { name, sourceVolumeIds: [one.volumeId, other.volumeId] }
    await refused('ALREADY_EXISTS', c.client.group.CreateVolumeGroupSnapshot(request))
  },
  'are deleted as a whole, twice as well as once': async (c) => {
    const { volumeId } = await c.volume()
    const { groupSnapshot } = await c.client.group.CreateVolumeGroupSnapshot({
      name: c.name('g'),
      sourceVolumeIds: [volumeId],
    })
    const groupSnapshotId = groupSnapshot?.groupSnapshotId ?? ''
    const snapshotIds = groupSnapshot?.snapshots.map(({ snapshotId }) => snapshotId) ?? []
    await c.client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds })
    await c.client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds })
    await refused('NOT_FOUND', c.client.group.GetVolumeGroupSnapshot({ groupSnapshotId, snapshotIds }))
    assert.deepEqual(await listed(c, 0, volumeId), [])
  },
  'with an id of another group in the list are refused': async (c) => {
    const { volumeId } = await c.volume()
    const { snapshotId } = await c.snapshot(volumeId)
    const { groupSnapshot } = await c.client.group.CreateVolumeGroupSnapshot({
      name: c.name('g'),
      sourceVolumeIds: [volumeId],
    })
    const groupSnapshotId = groupSnapshot?.groupSnapshotId ?? ''
    c.later(() => c.client.group.DeleteVolumeGroupSnapshot({ groupSnapshotId }))
    const request = { groupSnapshotId, snapshotIds: [snapshotId] }
    await refused('INVALID_ARGUMENT|NOT_FOUND', c.client.group.GetVolumeGroupSnapshot(request))
    await refused('INVALID_ARGUMENT|NOT_FOUND', c.client.group.DeleteVolumeGroupSnapshot(request))
  },
})
