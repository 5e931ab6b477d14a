import assert from 'node:assert/strict'
import { RealRandom } from '../../../../src/io/random.ts'
import { formatSecret, generateKey } from '../../../../src/nvme/auth/secret.ts'
import { ABSENT_ID, behaviour, block, type Context, FOREIGN_ID, mount, refused } from '../case.ts'
import { NODE_ID } from '../fixture/drivers.ts'

const random = new RealRandom()

/** Through the controller for many nodes; it leaves the node with the case. */
async function publishWide(
  c: Context,
  volumeId: string,
  nodeId: string,
  volumeCapability = mount(),
  more: { readonly readonly?: boolean } = {},
) {
  const answer = await c.wide.ControllerPublishVolume({ volumeId, nodeId, volumeCapability, ...more })
  c.later(() => c.wide.ControllerUnpublishVolume({ volumeId, nodeId }))
  return answer
}

interface VolumeView {
  readonly publications: readonly {
    readonly node: string
    readonly read_only: boolean
    readonly dhchap: object | null
  }[]
}
const publicationsOf = async (c: Context, volumeId: string) =>
  (await c.api.call<VolumeView>('GET', `/block/volume/${volumeId}`)).publications

export const PUBLISH = behaviour('ControllerPublishVolume', {
  'without a volume id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.ControllerPublishVolume({}), /volume_id/)
  },
  'without a node id is refused': async ({ client }) => {
    const call = client.controller.ControllerPublishVolume({ volumeId: FOREIGN_ID })
    await refused('INVALID_ARGUMENT', call, /node_id/)
  },
  'without a capability is refused': async ({ client }) => {
    const call = client.controller.ControllerPublishVolume({ volumeId: FOREIGN_ID, nodeId: 'fake-node-id' })
    await refused('INVALID_ARGUMENT', call, /capabilit/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      const request = { volumeId, nodeId: NODE_ID, volumeCapability: mount() }
      await refused('NOT_FOUND', client.controller.ControllerPublishVolume(request))
    }
  },
  'to a node that there is not is not found': async (c) => {
    const { volumeId } = await c.volume()
    for (const nodeId of ['fake-node-id-0123', 'Not_A_Node', 'x'.repeat(128)]) {
      const request = { volumeId, nodeId, volumeCapability: mount() }
      await refused('NOT_FOUND', c.client.controller.ControllerPublishVolume(request))
    }
  },
  'with a capability that Basalt does not give is refused': async (c) => {
    const { volumeId } = await c.volume()
    const request = { volumeId, nodeId: NODE_ID, volumeCapability: mount('MULTI_NODE_MULTI_WRITER') }
    await refused(
      'INVALID_ARGUMENT|FAILED_PRECONDITION',
      c.client.controller.ControllerPublishVolume(request),
    )
  },
  'tells the node where the volume is': async (c) => {
    const { publishContext } = await c.publish(await c.volume())
    assert.match(publishContext.nvmePortals ?? '', /^127\.0\.0\.1:\d+/)
    assert.match(publishContext.iscsiPortals ?? '', /^127\.0\.0\.1:\d+/)
    assert.match(publishContext.nqn ?? '', /^nqn\./)
    assert.match(publishContext.iqn ?? '', /^iqn\./)
    assert.equal(publishContext.readOnly, 'false')
  },
  'is recorded, and lets in the initiators of the node and nobody else': async (c) => {
    const { volumeId, ...volume } = await c.volume()
    const before = await c.api.call<object>('GET', `/block/volume/${volumeId}/access`)
    assert.deepEqual(before, { ...before, initiators: [], hosts: [] })
    await c.publish({ volumeId, ...volume })
    assert.deepEqual(
      (await publicationsOf(c, volumeId)).map(({ node }) => node),
      [NODE_ID],
    )
  },
  'again gives the same answer': async (c) => {
    const volume = await c.volume()
    const first = await c.publish(volume)
    assert.deepEqual(await c.publish(volume), first)
  },
  'again with other parameters exists already': async (c) => {
    const volume = await c.volume()
    await c.publish(volume)
    const { volumeId } = volume
    const request = { volumeId, nodeId: NODE_ID, volumeCapability: mount(), readonly: true }
    await refused('ALREADY_EXISTS', c.client.controller.ControllerPublishVolume(request))
  },
  'to a second node is refused, naming the first': async (c) => {
    const { volumeId } = await c.volume()
    await publishWide(c, volumeId, 'node-a')
    const request = { volumeId, nodeId: 'node-b', volumeCapability: mount() }
    await refused('FAILED_PRECONDITION', c.wide.ControllerPublishVolume(request), /node-a/)
  },
  'to a second node works when the first has left': async (c) => {
    const { volumeId } = await c.volume()
    await publishWide(c, volumeId, 'node-a')
    await c.wide.ControllerUnpublishVolume({ volumeId, nodeId: 'node-a' })
    await publishWide(c, volumeId, 'node-b')
  },
  'of raw block to several nodes that share it': async (c) => {
    const capability = block('MULTI_NODE_MULTI_WRITER')
    const { volumeId } = await c.volume({ volumeCapabilities: [capability] })
    await publishWide(c, volumeId, 'node-a', capability)
    await publishWide(c, volumeId, 'node-b', capability)
    const nodes = (await publicationsOf(c, volumeId)).map(({ node }) => node)
    assert.deepEqual(nodes.sort(), ['node-a', 'node-b'])
  },
  'of a file system to several nodes that only read it': async (c) => {
    const capability = mount('MULTI_NODE_READER_ONLY')
    const { volumeId } = await c.volume({ volumeCapabilities: [capability] })
    const { publishContext } = await publishWide(c, volumeId, 'node-a', capability)
    await publishWide(c, volumeId, 'node-b', capability)
    assert.equal(publishContext.readOnly, 'true')
    assert.ok((await publicationsOf(c, volumeId)).every((one) => one.read_only))
  },
  'of a shared volume to one node alone is refused': async (c) => {
    const { volumeId } = await c.volume({ volumeCapabilities: [block('MULTI_NODE_MULTI_WRITER')] })
    await publishWide(c, volumeId, 'node-a', block('MULTI_NODE_MULTI_WRITER'))
    const request = { volumeId, nodeId: 'node-b', volumeCapability: block('SINGLE_NODE_WRITER') }
    await refused('FAILED_PRECONDITION', c.wide.ControllerPublishVolume(request), /node-a/)
  },
  'with a secret of DH-HMAC-CHAP sets it for the node, and shows it to nobody': async (c) => {
    const { volumeId } = await c.volume()
    const [one, other] = [generateKey(random), generateKey(random)].map(formatSecret)
    const publish = (secrets: Record<string, string>) =>
      c.wide.ControllerPublishVolume({ volumeId, nodeId: 'node-a', volumeCapability: mount(), secrets })
    c.later(() => c.wide.ControllerUnpublishVolume({ volumeId, nodeId: 'node-a' }))
    await refused('INVALID_ARGUMENT', publish({ 'dhchap-controller-secret': one ?? '' }), /dhchap-secret/)
    await refused('INVALID_ARGUMENT', publish({ 'dhchap-secret': 'not one' }), /dhchap/)
    for (let i = 0; i < 2; i++) await publish({ 'dhchap-secret': one ?? '' })
    await publish({ 'dhchap-secret': other ?? '', 'dhchap-controller-secret': one ?? '' })
    const publications = await publicationsOf(c, volumeId)
    assert.deepEqual(
      publications.map(({ dhchap }) => dhchap),
      [{ controller: true }],
    )
    assert.ok(!JSON.stringify(publications).includes('DHHC-1'))
    await refused('ALREADY_EXISTS', publish({}))
  },
  'read-only says so to the node': async (c) => {
    const { publishContext } = await c.publish(await c.volume(), mount(), { readonly: true })
    assert.equal(publishContext.readOnly, 'true')
  },
  'with each single-node mode': async (c) => {
    for (const mode of [
      'SINGLE_NODE_WRITER',
      'SINGLE_NODE_READER_ONLY',
      'SINGLE_NODE_SINGLE_WRITER',
      'SINGLE_NODE_MULTI_WRITER',
    ] as const) {
      const { volumeId } = await c.volume({ volumeCapabilities: [mount(mode)] })
      await publishWide(c, volumeId, 'node-a', mount(mode))
    }
  },
})

export const UNPUBLISH = behaviour('ControllerUnpublishVolume', {
  'without a volume id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.ControllerUnpublishVolume({}), /volume_id/)
  },
  'of a volume that there is not is done: nobody has it': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      await client.controller.ControllerUnpublishVolume({ volumeId, nodeId: NODE_ID })
    }
  },
  'twice is done': async (c) => {
    const volume = await c.volume()
    await c.publish(volume)
    const request = { volumeId: volume.volumeId, nodeId: NODE_ID }
    await c.client.controller.ControllerUnpublishVolume(request)
    await c.client.controller.ControllerUnpublishVolume(request)
    assert.deepEqual(await publicationsOf(c, volume.volumeId), [])
  },
  'of a node that never had it is done': async (c) => {
    const { volumeId } = await c.volume()
    await c.client.controller.ControllerUnpublishVolume({ volumeId, nodeId: 'fake-node-id-0123' })
  },
  'of one node leaves the volume with the other': async (c) => {
    const capability = block('MULTI_NODE_MULTI_WRITER')
    const { volumeId } = await c.volume({ volumeCapabilities: [capability] })
    await publishWide(c, volumeId, 'node-a', capability)
    await publishWide(c, volumeId, 'node-b', capability)
    await c.wide.ControllerUnpublishVolume({ volumeId, nodeId: 'node-a' })
    assert.deepEqual(
      (await publicationsOf(c, volumeId)).map(({ node }) => node),
      ['node-b'],
    )
  },
  'without a node id takes the volume from every node': async (c) => {
    const capability = block('MULTI_NODE_MULTI_WRITER')
    const { volumeId } = await c.volume({ volumeCapabilities: [capability] })
    await publishWide(c, volumeId, 'node-a', capability)
    await publishWide(c, volumeId, 'node-b', capability)
    await c.wide.ControllerUnpublishVolume({ volumeId })
    assert.deepEqual(await publicationsOf(c, volumeId), [])
  },
})
