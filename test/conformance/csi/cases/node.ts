import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ABSENT_ID, behaviour, block, FOREIGN_ID, mount, publishOf, refused, SIZE, stageOf } from '../case.ts'
import { NODE_ID } from '../fixture/drivers.ts'

export const NODE_INFO = behaviour('NodeGetInfo', {
  'tells who and where the node is': async ({ client }) => {
    const { nodeId, maxVolumesPerNode, accessibleTopology } = await client.node.NodeGetInfo({})
    assert.equal(nodeId, NODE_ID)
    assert.ok(Number(maxVolumesPerNode) >= 0)
    assert.deepEqual(accessibleTopology?.segments, {
      'topology.basalt.io/zone': 'z1',
      'topology.basalt.io/rack': 'r1',
    })
  },
  'has a segment, also where nobody said where the node is': async ({ drivers }) => {
    const { client } = await drivers.more('placeless', 'node', ['--zone', '', '--rack', ''])
    const { accessibleTopology } = await client.node.NodeGetInfo({})
    assert.ok(Object.keys(accessibleTopology?.segments ?? {}).length > 0)
  },
})

export const STAGE = behaviour('NodeStageVolume', {
  'without an id, a path or a capability is refused': async (c) => {
    const { node } = c.client
    const path = c.path()
    const whole = { volumeId: FOREIGN_ID, stagingTargetPath: path, volumeCapability: mount() }
    await refused('INVALID_ARGUMENT', node.NodeStageVolume({ ...whole, volumeId: '' }), /volume_id/)
    await refused(
      'INVALID_ARGUMENT',
      node.NodeStageVolume({ ...whole, stagingTargetPath: '' }),
      /staging_target_path/,
    )
    await refused('INVALID_ARGUMENT', node.NodeStageVolume({ ...whole, volumeCapability: null }), /capabilit/)
  },
  'of a volume that was not published by the controller is refused': async (c) => {
    const { volumeId, volumeContext } = await c.volume()
    const request = { volumeId, volumeContext, stagingTargetPath: c.path(), volumeCapability: mount() }
    await refused('INVALID_ARGUMENT|FAILED_PRECONDITION', c.client.node.NodeStageVolume(request))
  },
  'of an id that no volume has is not found': async (c) => {
    const staged = await c.staged()
    const request = { ...stageOf(staged), volumeId: FOREIGN_ID, stagingTargetPath: c.path() }
    await refused('NOT_FOUND|INVALID_ARGUMENT', c.client.node.NodeStageVolume(request))
  },
  'twice is done': async (c) => {
    const staged = await c.staged()
    await c.client.node.NodeStageVolume(stageOf(staged))
  },
  'again with another capability exists already': async (c) => {
    const staged = await c.staged()
    const request = { ...stageOf(staged), volumeCapability: block() }
    await refused('ALREADY_EXISTS|FAILED_PRECONDITION', c.client.node.NodeStageVolume(request))
  },
  'at another path while it is staged is refused': async (c) => {
    const staged = await c.staged()
    const request = { ...stageOf(staged), stagingTargetPath: c.path() }
    await refused('FAILED_PRECONDITION|ALREADY_EXISTS', c.client.node.NodeStageVolume(request))
  },
  'of raw block is done': async (c) => {
    await c.staged(block())
  },
  'over each transport is done': async (c) => {
    for (const transport of ['nvme', 'iscsi'])
      await c.staged(mount(), { parameters: { replicas: '1', transport } })
  },
  'with each file system is done': async (c) => {
    for (const fsType of ['ext4', 'xfs']) await c.staged(mount('SINGLE_NODE_WRITER', fsType))
  },
})

export const UNSTAGE = behaviour('NodeUnstageVolume', {
  'without an id or a path is refused': async (c) => {
    const { node } = c.client
    await refused('INVALID_ARGUMENT', node.NodeUnstageVolume({ stagingTargetPath: c.path() }), /volume_id/)
    await refused('INVALID_ARGUMENT', node.NodeUnstageVolume({ volumeId: FOREIGN_ID }), /staging_target_path/)
  },
  'of a volume that was never staged is done': async (c) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID, (await c.volume()).volumeId]) {
      const call = c.client.node.NodeUnstageVolume({ volumeId, stagingTargetPath: c.path() })
      const code = await call.then(
        () => 'OK',
        (error: { code: string }) => error.code,
      )
      assert.ok(['OK', 'NOT_FOUND'].includes(code), code)
    }
  },
  'twice is done, and the volume can be staged again': async (c) => {
    const staged = await c.staged()
    const request = { volumeId: staged.volume.volumeId, stagingTargetPath: staged.stagingPath }
    await c.client.node.NodeUnstageVolume(request)
    await c.client.node.NodeUnstageVolume(request)
    await c.client.node.NodeStageVolume(stageOf(staged))
  },
  'of a volume that is still published at a path is refused': async (c) => {
    const { volume, stagingPath } = await c.published()
    const request = { volumeId: volume.volumeId, stagingTargetPath: stagingPath }
    await refused('FAILED_PRECONDITION', c.client.node.NodeUnstageVolume(request))
  },
})

export const NODE_PUBLISH = behaviour('NodePublishVolume', {
  'without an id, a path or a capability is refused': async (c) => {
    const { node } = c.client
    const targetPath = join(c.path(), 'target')
    await refused('INVALID_ARGUMENT', node.NodePublishVolume({}), /volume_id/)
    await refused('INVALID_ARGUMENT', node.NodePublishVolume({ volumeId: FOREIGN_ID }), /target_path/)
    await refused('INVALID_ARGUMENT', node.NodePublishVolume({ volumeId: FOREIGN_ID, targetPath }))
  },
  'before it was staged is refused': async (c) => {
    const volume = await c.volume()
    const { publishContext } = await c.publish(volume)
    const folder = c.path()
    const request = {
      ...{ volumeId: volume.volumeId, volumeContext: volume.volumeContext, publishContext },
      ...{ stagingTargetPath: folder, targetPath: join(folder, 'target'), volumeCapability: mount() },
    }
    await refused('FAILED_PRECONDITION', c.client.node.NodePublishVolume(request))
    assert.equal(existsSync(request.targetPath), false)
  },
  'makes the target path, a folder or a device': async (c) => {
    const files = await c.published(mount())
    assert.ok(statSync(files.targetPath).isDirectory())
    const raw = await c.published(block())
    assert.ok(!statSync(raw.targetPath).isDirectory())
  },
  'twice is done': async (c) => {
    await c.client.node.NodePublishVolume(publishOf(await c.published()))
  },
  'again in another way exists already': async (c) => {
    const request = { ...publishOf(await c.published()), readonly: true }
    await refused('ALREADY_EXISTS', c.client.node.NodePublishVolume(request))
  },
  'at a second path of one node is done, where the mode allows it': async (c) => {
    const staged = await c.published(mount('SINGLE_NODE_MULTI_WRITER'))
    const targetPath = `${staged.targetPath}-2`
    await c.client.node.NodePublishVolume({ ...publishOf(staged), targetPath })
    const { volumeId } = staged.volume
    c.later(() => c.client.node.NodeUnpublishVolume({ volumeId, targetPath }))
    assert.ok(existsSync(targetPath))
  },
  'at a second path is refused to a single writer': async (c) => {
    const staged = await c.published(mount('SINGLE_NODE_SINGLE_WRITER'))
    const request = { ...publishOf(staged), targetPath: `${staged.targetPath}-2` }
    await refused('FAILED_PRECONDITION', c.client.node.NodePublishVolume(request))
    assert.equal(existsSync(request.targetPath), false)
  },
  'read-only of a volume that others write is done': async (c) => {
    const staged = await c.staged()
    const { volumeId } = staged.volume
    await c.client.node.NodePublishVolume({ ...publishOf(staged), readonly: true })
    c.later(() => c.client.node.NodeUnpublishVolume({ volumeId, targetPath: staged.targetPath }))
  },
})

export const NODE_UNPUBLISH = behaviour('NodeUnpublishVolume', {
  'without an id or a path is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.node.NodeUnpublishVolume({}), /volume_id/)
    await refused(
      'INVALID_ARGUMENT',
      client.node.NodeUnpublishVolume({ volumeId: FOREIGN_ID }),
      /target_path/,
    )
  },
  'takes the target path away, twice as well as once': async (c) => {
    for (const capability of [mount(), block()]) {
      const { volume, targetPath } = await c.published(capability)
      const request = { volumeId: volume.volumeId, targetPath }
      await c.client.node.NodeUnpublishVolume(request)
      assert.equal(existsSync(targetPath), false)
      await c.client.node.NodeUnpublishVolume(request)
    }
  },
  'of a volume that was never there is done or not found': async (c) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      const call = c.client.node.NodeUnpublishVolume({ volumeId, targetPath: join(c.path(), 'target') })
      const code = await call.then(
        () => 'OK',
        (error: { code: string }) => error.code,
      )
      assert.ok(['OK', 'NOT_FOUND'].includes(code), code)
    }
  },
})

export const STATS = behaviour('NodeGetVolumeStats', {
  'without an id or a path is refused': async ({ client }) => {
    await refused(
      'INVALID_ARGUMENT',
      client.node.NodeGetVolumeStats({ volumePath: 'some/path' }),
      /volume_id/,
    )
    await refused('INVALID_ARGUMENT', client.node.NodeGetVolumeStats({ volumeId: FOREIGN_ID }), /volume_path/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      await refused('NOT_FOUND', client.node.NodeGetVolumeStats({ volumeId, volumePath: 'some/path' }))
    }
  },
  'at a path where it is not is not found': async (c) => {
    const { volume } = await c.published()
    const request = { volumeId: volume.volumeId, volumePath: 'some/path' }
    await refused('NOT_FOUND', c.client.node.NodeGetVolumeStats(request))
  },
  'of a file system tells bytes and inodes, and the condition': async (c) => {
    const { volume, targetPath } = await c.published()
    const request = { volumeId: volume.volumeId, volumePath: targetPath }
    const { usage, volumeCondition } = await c.client.node.NodeGetVolumeStats(request)
    assert.deepEqual(usage.map(({ unit }) => unit).sort(), ['BYTES', 'INODES'])
    assert.ok(usage.every(({ total }) => Number(total) > 0))
    assert.equal(volumeCondition?.abnormal, false)
  },
  'of a device tells its size': async (c) => {
    const { volume, targetPath } = await c.published(block())
    const request = { volumeId: volume.volumeId, volumePath: targetPath }
    const { usage } = await c.client.node.NodeGetVolumeStats(request)
    assert.deepEqual(
      usage.map(({ unit, total }) => [unit, total]),
      [['BYTES', String(SIZE)]],
    )
  },
})

export const NODE_EXPAND = behaviour('NodeExpandVolume', {
  'without an id or a path is refused': async (c) => {
    const { volumeId } = await c.volume()
    await refused('INVALID_ARGUMENT', c.client.node.NodeExpandVolume({ volumePath: c.path() }), /volume_id/)
    await refused('INVALID_ARGUMENT', c.client.node.NodeExpandVolume({ volumeId }), /volume_path/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      await refused('NOT_FOUND', client.node.NodeExpandVolume({ volumeId, volumePath: 'some/path' }))
    }
  },
  'after the controller has the new size, twice as well as once': async (c) => {
    for (const capability of [mount(), block()]) {
      const { volume, targetPath } = await c.published(capability)
      const capacityRange = { requiredBytes: String(2 * SIZE) }
      await c.client.controller.ControllerExpandVolume({ volumeId: volume.volumeId, capacityRange })
      const request = { volumeId: volume.volumeId, volumePath: targetPath, capacityRange }
      const { capacityBytes } = await c.client.node.NodeExpandVolume(request)
      assert.equal(capacityBytes, String(2 * SIZE))
      assert.equal((await c.client.node.NodeExpandVolume(request)).capacityBytes, String(2 * SIZE))
    }
  },
  'before the controller has it is refused': async (c) => {
    const { volume, targetPath } = await c.published(block())
    const request = {
      ...{ volumeId: volume.volumeId, volumePath: targetPath },
      capacityRange: { requiredBytes: String(4 * SIZE) },
    }
    await refused(
      'OUT_OF_RANGE|FAILED_PRECONDITION|INTERNAL|UNAVAILABLE',
      c.client.node.NodeExpandVolume(request),
    )
  },
  'of a volume made before the expansion and staged after it': async (c) => {
    const volume = await c.volume()
    const capacityRange = { requiredBytes: String(2 * SIZE) }
    await c.client.controller.ControllerExpandVolume({ volumeId: volume.volumeId, capacityRange })
    const { publishContext } = await c.publish(volume)
    const folder = c.path()
    const staged = {
      ...{ volume, publishContext, capability: block() },
      ...{ stagingPath: folder, targetPath: join(folder, 'target') },
    }
    const { volumeId } = volume
    await c.client.node.NodeStageVolume(stageOf(staged))
    c.later(() => c.client.node.NodeUnstageVolume({ volumeId, stagingTargetPath: folder }))
    await c.client.node.NodePublishVolume(publishOf(staged))
    const { targetPath } = staged
    c.later(() => c.client.node.NodeUnpublishVolume({ volumeId, targetPath }))
    const request = { volumeId, volumePath: targetPath, capacityRange }
    assert.equal((await c.client.node.NodeExpandVolume(request)).capacityBytes, String(2 * SIZE))
  },
})
