import assert from 'node:assert/strict'
import type { JobJson } from '../../../e2e/cluster/fixture/api.ts'
import { ABSENT_ID, behaviour, block, FOREIGN_ID, MIB, mount, refused, SIZE, sameVolume } from '../case.ts'

export const CREATE_VOLUME = behaviour('CreateVolume', {
  'without a name is refused': async (c) => {
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(c.wish({ name: '' })), /name/)
  },
  'without capabilities is refused': async (c) => {
    const wish = c.wish({ volumeCapabilities: [] })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), /capabilit/)
  },
  'with a capability without an access mode is refused': async (c) => {
    const wish = c.wish({ volumeCapabilities: [{ mount: {} }] })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish))
  },
  'with an unknown access mode is refused': async (c) => {
    const wish = c.wish({ volumeCapabilities: [mount('UNKNOWN')] })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish))
  },
  'with a capability without an access type is refused': async (c) => {
    const wish = c.wish({ volumeCapabilities: [{ accessMode: { mode: 'SINGLE_NODE_WRITER' } }] })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish))
  },
  'for a file system that several nodes write is refused': async (c) => {
    for (const mode of ['MULTI_NODE_MULTI_WRITER', 'MULTI_NODE_SINGLE_WRITER'] as const) {
      const wish = c.wish({ volumeCapabilities: [mount(mode)] })
      await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), new RegExp(mode))
    }
  },
  'for a file system of an unknown type is refused': async (c) => {
    const wish = c.wish({ volumeCapabilities: [mount('SINGLE_NODE_WRITER', 'ntfs')] })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), /ntfs/)
  },
  'of the size that is asked for answers it, with an id and a context': async (c) => {
    const volume = await c.volume()
    assert.equal(volume.capacityBytes, String(SIZE))
    assert.match(volume.volumeId, /^[0-9a-f-]{36}$/)
    assert.ok(Buffer.byteLength(volume.volumeId) <= 128)
    assert.equal(volume.contentSource, null)
    assert.ok(volume.volumeContext.nqn)
  },
  'without a size makes a volume of some size': async (c) => {
    const volume = await c.volume({ capacityRange: null })
    assert.ok(Number(volume.capacityBytes) >= MIB)
  },
  'rounds up to whole blocks, within the limit': async (c) => {
    const volume = await c.volume({
      capacityRange: { requiredBytes: String(SIZE - 100), limitBytes: String(SIZE) },
    })
    assert.equal(volume.capacityBytes, String(SIZE))
  },
  'whose limit leaves no whole block is out of range': async (c) => {
    const wish = c.wish({
      capacityRange: { requiredBytes: String(SIZE + 1), limitBytes: String(SIZE + 2) },
    })
    await refused('OUT_OF_RANGE', c.client.controller.CreateVolume(wish))
  },
  'whose limit is below what is required is refused': async (c) => {
    const wish = c.wish({ capacityRange: { requiredBytes: String(2 * SIZE), limitBytes: String(SIZE) } })
    await refused('INVALID_ARGUMENT|OUT_OF_RANGE', c.client.controller.CreateVolume(wish))
  },
  'of a negative size is refused': async (c) => {
    const wish = c.wish({ capacityRange: { requiredBytes: '-1' } })
    await refused('INVALID_ARGUMENT|OUT_OF_RANGE', c.client.controller.CreateVolume(wish))
  },
  'of more than any volume has is out of range': async (c) => {
    const wish = c.wish({ capacityRange: { requiredBytes: '9223372036854771712' } })
    await refused('OUT_OF_RANGE', c.client.controller.CreateVolume(wish))
  },
  'of more than there is room for is out of range or lacks resources': async (c) => {
    const wish = c.wish({ capacityRange: { requiredBytes: String(64 * 1024 ** 4) } })
    await refused('OUT_OF_RANGE|RESOURCE_EXHAUSTED', c.client.controller.CreateVolume(wish))
  },
  'whose limit is the smallest volume makes it': async (c) => {
    const volume = await c.volume({ capacityRange: { limitBytes: String(MIB) } })
    assert.equal(volume.capacityBytes, String(MIB))
  },
  'again with the same wish finds the volume': async (c) => {
    const wish = c.wish()
    const volume = await c.volume(wish)
    const { volume: again } = await c.client.controller.CreateVolume(wish)
    sameVolume(volume, again)
    assert.deepEqual(again, volume)
  },
  'again with a size that the volume has too finds it': async (c) => {
    const wish = c.wish()
    const volume = await c.volume(wish)
    const { volume: again } = await c.client.controller.CreateVolume({
      ...wish,
      capacityRange: { requiredBytes: String(SIZE / 2), limitBytes: String(2 * SIZE) },
    })
    sameVolume(volume, again)
  },
  'again with another size is refused': async (c) => {
    const exactly = (size: number) => ({ requiredBytes: String(size), limitBytes: String(size) })
    const wish = c.wish({ capacityRange: exactly(SIZE) })
    await c.volume(wish)
    const other = { ...wish, capacityRange: exactly(2 * SIZE) }
    await refused('ALREADY_EXISTS', c.client.controller.CreateVolume(other))
  },
  'again with other parameters is refused': async (c) => {
    const wish = c.wish({ parameters: { replicas: '1' } })
    await c.volume(wish)
    const other = { ...wish, parameters: { replicas: '2' } }
    await refused('ALREADY_EXISTS', c.client.controller.CreateVolume(other))
  },
  'again with a source is refused': async (c) => {
    const source = await c.volume()
    const wish = c.wish()
    await c.volume(wish)
    const other = { ...wish, volumeContentSource: { volume: { volumeId: source.volumeId } } }
    await refused('ALREADY_EXISTS', c.client.controller.CreateVolume(other))
  },
  'with an unknown parameter is refused, and told which there are': async (c) => {
    const wish = c.wish({ parameters: { repliccas: '1' } })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), /repliccas.*replicas/)
  },
  'with a parameter that makes no sense is refused': async (c) => {
    for (const parameters of [
      { replicas: 'many' },
      { preset: 'no-such' },
      { transport: 'fc' },
      { multipath: 'maybe' },
      { fsType: 'ntfs' },
      { logicalBlockSize: '1000' },
    ]) {
      await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(c.wish({ parameters })))
    }
  },
  'takes the keys that the provisioner adds': async (c) => {
    await c.volume({
      parameters: {
        replicas: '1',
        'csi.storage.k8s.io/fstype': 'xfs',
        'csi.storage.k8s.io/pvc/name': 'claim',
        'csi.storage.k8s.io/pv/name': 'pv',
      },
    })
  },
  'takes every parameter that is documented': async (c) => {
    const volume = await c.volume({
      parameters: {
        preset: 'general',
        replicas: '2',
        transport: 'iscsi',
        fsType: 'xfs',
        multipath: 'true',
        logicalBlockSize: '4096',
        diskType: 'ssd',
      },
    })
    assert.equal(volume.volumeContext.transport, 'iscsi')
    assert.equal(volume.volumeContext.fsType, 'xfs')
  },
  'takes mutable parameters, and refuses unknown ones': async (c) => {
    await c.volume({ mutableParameters: { iops: '500' } })
    const wish = c.wish({ mutableParameters: { colour: 'red' } })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), /colour/)
  },
  'with a name of capitals finds the same volume again, and not its lower-case twin': async (c) => {
    const name = c.name('CSI-Sanity_Volume')
    const volume = await c.volume({ name })
    sameVolume(volume, (await c.client.controller.CreateVolume(c.wish({ name }))).volume)
    const twin = await c.volume({ name: name.toLowerCase() })
    assert.notEqual(twin.volumeId, volume.volumeId)
  },
  'with a name of 128 bytes': async (c) => {
    const name = c.name('m').padEnd(128, 'x')
    const volume = await c.volume({ name })
    sameVolume(volume, (await c.client.controller.CreateVolume(c.wish({ name }))).volume)
    const other = await c.volume({ name: `${name.slice(0, 127)}y` })
    assert.notEqual(other.volumeId, volume.volumeId)
  },
  'with a name of more than 128 bytes is refused': async (c) => {
    const wish = c.wish({ name: 'ü'.repeat(65) })
    await refused('INVALID_ARGUMENT', c.client.controller.CreateVolume(wish), /name/)
  },
  'with a name of any characters': async (c) => {
    const name = `${c.name()} größe/体积 "✓"`
    const volume = await c.volume({ name })
    sameVolume(volume, (await c.client.controller.CreateVolume(c.wish({ name }))).volume)
  },
  'for raw block, in every mode': async (c) => {
    const modes = ['SINGLE_NODE_WRITER', 'MULTI_NODE_MULTI_WRITER', 'MULTI_NODE_READER_ONLY'] as const
    await c.volume({ volumeCapabilities: modes.map((mode) => block(mode)) })
  },
  'from a snapshot or a volume that there is not is not found': async (c) => {
    for (const volumeContentSource of [
      { snapshot: { snapshotId: 'non-existing-snapshot-id' } },
      { snapshot: { snapshotId: `${ABSENT_ID}/0000000000000001` } },
      { volume: { volumeId: FOREIGN_ID } },
      { volume: { volumeId: ABSENT_ID } },
    ]) {
      await refused('NOT_FOUND', c.client.controller.CreateVolume(c.wish({ volumeContentSource })))
    }
  },
  'puts replicas into the zone that is asked for, and says so': async (c) => {
    const topology = { segments: { 'topology.basalt.io/zone': 'z2' } }
    const volume = await c.volume({
      parameters: { replicas: '2' },
      accessibilityRequirements: { requisite: [topology], preferred: [topology] },
    })
    assert.deepEqual(volume.accessibleTopology, [topology])
    const { replicas } = await c.api.call<{ replicas: { server_name: string }[] }>(
      'GET',
      `/block/volume/${volume.volumeId}`,
    )
    assert.deepEqual(replicas.map(({ server_name }) => server_name).sort(), ['s2', 's3'])
  },
  'without a zone asked for is accessible from everywhere': async (c) => {
    assert.deepEqual((await c.volume()).accessibleTopology, [])
  },
  'in a zone that there is not lacks resources': async (c) => {
    const topology = { segments: { 'topology.basalt.io/zone': 'nowhere' } }
    const wish = c.wish({ accessibilityRequirements: { requisite: [topology] } })
    await refused('RESOURCE_EXHAUSTED', c.client.controller.CreateVolume(wish))
  },
  'with the topology of the node, as it tells it': async (c) => {
    const { accessibleTopology } = await c.client.node.NodeGetInfo({})
    assert.ok(accessibleTopology)
    await c.volume({ accessibilityRequirements: { requisite: [accessibleTopology] } })
  },
})

export const DELETE_VOLUME = behaviour('DeleteVolume', {
  'without an id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.DeleteVolume({}), /volume_id/)
  },
  'of a volume that there is not is done': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID, 'x'.repeat(128), '../../etc']) {
      await client.controller.DeleteVolume({ volumeId })
    }
  },
  'twice is done': async (c) => {
    const { volumeId } = await c.volume()
    await c.client.controller.DeleteVolume({ volumeId })
    await c.client.controller.DeleteVolume({ volumeId })
    await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId }))
  },
  'frees the name for another volume': async (c) => {
    const wish = c.wish()
    const first = await c.volume(wish)
    await c.client.controller.DeleteVolume({ volumeId: first.volumeId })
    const second = await c.volume({ ...wish, capacityRange: { requiredBytes: String(2 * SIZE) } })
    assert.notEqual(second.volumeId, first.volumeId)
  },
  'of a volume with a snapshot is refused, naming it': async (c) => {
    const { volumeId } = await c.volume()
    const name = c.name('kept')
    await c.snapshot(volumeId, name)
    await refused('FAILED_PRECONDITION', c.client.controller.DeleteVolume({ volumeId }), new RegExp(name))
  },
  'of a volume with a backup is done, and the backup stays': async (c) => {
    const { volumeId } = await c.volume()
    const repository = c.name('away')
    const path = `/block/repositories/${repository}`
    await c.api.call('POST', '/block/repositories', { name: repository, directory: c.path() })
    c.later(() => c.api.call('DELETE', path))
    const { id } = await c.api.call<JobJson>('POST', `/block/volume/${volumeId}/backups`, { repository })
    assert.equal((await c.api.ended(id)).state, 'succeeded')
    await c.client.controller.DeleteVolume({ volumeId })
    await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId }))
    assert.deepEqual((await c.client.controller.ListSnapshots({ sourceVolumeId: volumeId })).entries, [])
    const { backups } = await c.api.call<{ backups: readonly object[] }>('GET', `${path}/backups`)
    assert.equal(backups.length, 1)
  },
  'of a published volume is refused': async (c) => {
    const volume = await c.volume()
    await c.publish(volume)
    const { volumeId } = volume
    await refused('FAILED_PRECONDITION', c.client.controller.DeleteVolume({ volumeId }), /node-a/)
  },
})
