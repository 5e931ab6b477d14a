/** What is advertised is implemented, and what is implemented is advertised: no call that a capability promises is missing. */
import assert from 'node:assert/strict'
import { behaviour, type Context } from '../case.ts'
import { CallRefused } from '../fixture/client.ts'

/** The calls that a capability of the controller promises; none: it changes what a call takes or tells. */
const CONTROLLER: Readonly<Record<string, readonly string[]>> = {
  CREATE_DELETE_VOLUME: ['CreateVolume', 'DeleteVolume'],
  PUBLISH_UNPUBLISH_VOLUME: ['ControllerPublishVolume', 'ControllerUnpublishVolume'],
  LIST_VOLUMES: ['ListVolumes'],
  GET_CAPACITY: ['GetCapacity'],
  CREATE_DELETE_SNAPSHOT: ['CreateSnapshot', 'DeleteSnapshot'],
  LIST_SNAPSHOTS: ['ListSnapshots'],
  CLONE_VOLUME: [],
  PUBLISH_READONLY: [],
  EXPAND_VOLUME: ['ControllerExpandVolume'],
  LIST_VOLUMES_PUBLISHED_NODES: [],
  VOLUME_CONDITION: [],
  GET_VOLUME: ['ControllerGetVolume'],
  SINGLE_NODE_MULTI_WRITER: [],
  MODIFY_VOLUME: ['ControllerModifyVolume'],
}
const NODE: Readonly<Record<string, readonly string[]>> = {
  STAGE_UNSTAGE_VOLUME: ['NodeStageVolume', 'NodeUnstageVolume'],
  GET_VOLUME_STATS: ['NodeGetVolumeStats'],
  EXPAND_VOLUME: ['NodeExpandVolume'],
  VOLUME_CONDITION: [],
  SINGLE_NODE_MULTI_WRITER: [],
  VOLUME_MOUNT_GROUP: [],
}
const GROUP: Readonly<Record<string, readonly string[]>> = {
  CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT: [
    'CreateVolumeGroupSnapshot',
    'DeleteVolumeGroupSnapshot',
    'GetVolumeGroupSnapshot',
  ],
}
/** Of every driver with the service. */
const ALWAYS = {
  controller: ['ControllerGetCapabilities', 'ValidateVolumeCapabilities'],
  node: ['NodeGetCapabilities', 'NodeGetInfo', 'NodePublishVolume', 'NodeUnpublishVolume'],
  group: ['GroupControllerGetCapabilities'],
} as const

type Service = 'controller' | 'group' | 'node'
type AnyCalls = Readonly<Record<string, (request: object) => Promise<unknown>>>

/** Whether the call is there: an empty request is refused for what it lacks, or answered. */
async function isImplemented({ client }: Context, service: Service, method: string): Promise<boolean> {
  const call = (client[service] as unknown as AnyCalls)[method]
  assert.ok(call, `the specification has no ${method}`)
  try {
    await call({})
    return true
  } catch (error) {
    if (!(error instanceof CallRefused)) throw error
    return error.code !== 'UNIMPLEMENTED'
  }
}

async function walk(
  c: Context,
  service: Service,
  known: Readonly<Record<string, readonly string[]>>,
  advertised: readonly string[],
): Promise<void> {
  for (const capability of advertised) assert.ok(capability in known, `${capability} is of no specification`)
  const promised = new Set([...ALWAYS[service], ...advertised.flatMap((name) => known[name] ?? [])])
  const all = Object.keys(c.client[service])
  for (const method of promised) assert.ok(await isImplemented(c, service, method), `${method} is advertised`)
  for (const method of all.filter((one) => !promised.has(one))) {
    assert.ok(!(await isImplemented(c, service, method)), `${method} is implemented and not advertised`)
  }
}

const rpcTypes = (capabilities: readonly { readonly rpc?: { readonly type: string | number } | null }[]) =>
  capabilities.map(({ rpc }) => String(rpc?.type))

export const ADVERTISED = behaviour('advertised', {
  'of the plugin: the services that there are': async ({ client }) => {
    const { capabilities } = await client.identity.GetPluginCapabilities({})
    const services = capabilities.flatMap(({ service }) => (service ? [service.type] : []))
    assert.deepEqual(services.sort(), [
      'CONTROLLER_SERVICE',
      'GROUP_CONTROLLER_SERVICE',
      'VOLUME_ACCESSIBILITY_CONSTRAINTS',
    ])
    assert.deepEqual(
      capabilities.flatMap(({ volumeExpansion }) => (volumeExpansion ? [volumeExpansion.type] : [])),
      ['ONLINE'],
    )
  },
  'of the controller: what is there, and all of it': async (c) => {
    const { capabilities } = await c.client.controller.ControllerGetCapabilities({})
    const names = rpcTypes(capabilities)
    assert.deepEqual([...names].sort(), Object.keys(CONTROLLER).sort())
    await walk(c, 'controller', CONTROLLER, names)
  },
  'of the group controller': async (c) => {
    const { capabilities } = await c.client.group.GroupControllerGetCapabilities({})
    await walk(c, 'group', GROUP, rpcTypes(capabilities))
    assert.deepEqual(rpcTypes(capabilities), Object.keys(GROUP))
  },
  'of the node': async (c) => {
    const { capabilities } = await c.client.node.NodeGetCapabilities({})
    const names = rpcTypes(capabilities)
    await walk(c, 'node', NODE, names)
    for (const needed of ['STAGE_UNSTAGE_VOLUME', 'GET_VOLUME_STATS', 'EXPAND_VOLUME', 'VOLUME_CONDITION']) {
      assert.ok(names.includes(needed), needed)
    }
  },
  'each capability once': async ({ client }) => {
    const names = [
      rpcTypes((await client.controller.ControllerGetCapabilities({})).capabilities),
      rpcTypes((await client.node.NodeGetCapabilities({})).capabilities),
    ]
    for (const list of names) assert.equal(new Set(list).size, list.length)
  },
  'a controller alone serves no node, and says so': async ({ drivers }) => {
    const { client } = drivers.controller
    const { capabilities } = await client.identity.GetPluginCapabilities({})
    assert.ok(capabilities.some(({ service }) => service?.type === 'CONTROLLER_SERVICE'))
    await assert.rejects(client.node.NodeGetInfo({}), { code: 'UNIMPLEMENTED' })
  },
  'a node alone serves no controller, and says so': async ({ drivers }) => {
    const { client } = await drivers.more('just-node', 'node', [])
    const { capabilities } = await client.identity.GetPluginCapabilities({})
    assert.ok(!capabilities.some(({ service }) => service?.type === 'CONTROLLER_SERVICE'))
    await assert.rejects(client.controller.ListVolumes({}), { code: 'UNIMPLEMENTED' })
    assert.equal((await client.node.NodeGetInfo({})).nodeId, 'node-a')
  },
})
