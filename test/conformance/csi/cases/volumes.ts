/** What is told of volumes, and what is changed of them. */
import assert from 'node:assert/strict'
import type { Volume__Output } from '../../../../src/gen/csi/v1/Volume.ts'
import { ABSENT_ID, behaviour, block, type Context, FOREIGN_ID, MIB, mount, refused, SIZE } from '../case.ts'
import { NODE_ID } from '../fixture/drivers.ts'

/** Ids of all volumes, in pages of `maxEntries`. */
async function listed({ client }: Context, maxEntries: number): Promise<string[]> {
  const ids: string[] = []
  let startingToken = ''
  do {
    const page = await client.controller.ListVolumes({ maxEntries, startingToken })
    if (maxEntries > 0) assert.ok(page.entries.length <= maxEntries)
    ids.push(...page.entries.map(({ volume }) => volume?.volumeId ?? ''))
    startingToken = page.nextToken
  } while (startingToken !== '')
  return ids
}

export const VALIDATE = behaviour('ValidateVolumeCapabilities', {
  'without an id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.ValidateVolumeCapabilities({}), /volume_id/)
  },
  'without capabilities is refused': async (c) => {
    const { volumeId } = await c.volume()
    const call = c.client.controller.ValidateVolumeCapabilities({ volumeId })
    await refused('INVALID_ARGUMENT', call, /capabilit/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      const call = client.controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities: [mount()] })
      await refused('NOT_FOUND', call)
    }
  },
  'confirms what can be, as it was asked': async (c) => {
    const { volumeId, volumeContext } = await c.volume()
    const volumeCapabilities = [mount(), block('MULTI_NODE_MULTI_WRITER')]
    const { confirmed } = await c.client.controller.ValidateVolumeCapabilities({
      volumeId,
      volumeContext,
      volumeCapabilities,
      parameters: { replicas: '1' },
    })
    assert.equal(confirmed?.volumeCapabilities.length, 2)
    assert.deepEqual(confirmed.parameters, { replicas: '1' })
    assert.deepEqual(confirmed.volumeContext, volumeContext)
  },
  'does not confirm what cannot be, and says why': async (c) => {
    const { volumeId } = await c.volume()
    const answer = await c.client.controller.ValidateVolumeCapabilities({
      volumeId,
      volumeCapabilities: [mount(), mount('MULTI_NODE_MULTI_WRITER')],
    })
    assert.equal(answer.confirmed, null)
    assert.match(answer.message, /MULTI_NODE_MULTI_WRITER/)
  },
})

export const LIST_VOLUMES = behaviour('ListVolumes', {
  'has new volumes, and not those that are gone': async (c) => {
    const before = await listed(c, 0)
    const { volumeId } = await c.volume({ name: 'sanity' })
    assert.deepEqual((await listed(c, 0)).sort(), [...before, volumeId].sort())
    await c.client.controller.DeleteVolume({ volumeId })
    assert.deepEqual((await listed(c, 0)).sort(), [...before].sort())
  },
  'in pages has each volume once': async (c) => {
    for (let i = 0; i < 5; i++) await c.volume()
    const whole = await listed(c, 0)
    assert.ok(whole.length >= 5)
    for (const maxEntries of [1, 2, 3, 1000]) {
      assert.deepEqual((await listed(c, maxEntries)).sort(), [...whole].sort())
    }
  },
  'goes on behind the last of a page when that volume is gone': async (c) => {
    for (let i = 0; i < 3; i++) await c.volume()
    const first = await c.client.controller.ListVolumes({ maxEntries: 2 })
    for (const { volume } of first.entries) {
      await c.client.controller.DeleteVolume({ volumeId: volume?.volumeId ?? '' })
    }
    const rest = await c.client.controller.ListVolumes({ startingToken: first.nextToken })
    const seen = new Set(first.entries.map(({ volume }) => volume?.volumeId))
    assert.ok(rest.entries.length >= 1)
    for (const { volume } of rest.entries) assert.ok(!seen.has(volume?.volumeId))
  },
  'from a token that was never given is aborted': async ({ client }) => {
    for (const startingToken of ['invalid-token', '../x', '-1', 'ü']) {
      await refused('ABORTED', client.controller.ListVolumes({ startingToken }))
    }
  },
  'of a negative number of entries is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.ListVolumes({ maxEntries: -1 }))
  },
  'tells size, context, nodes and condition': async (c) => {
    const volume = await c.volume()
    await c.publish(volume)
    const { entries } = await c.client.controller.ListVolumes({})
    const entry = entries.find((one) => one.volume?.volumeId === volume.volumeId)
    assert.equal(entry?.volume?.capacityBytes, String(SIZE))
    sameContext(entry.volume, volume)
    assert.deepEqual(entry.status?.publishedNodeIds, [NODE_ID])
    assert.equal(entry.status.volumeCondition?.abnormal, false)
    assert.notEqual(entry.status.volumeCondition?.message, '')
  },
})

/** All that the cluster knows of it; what only the request to create it said is not kept there. */
function sameContext(told: Volume__Output | null | undefined, made: Volume__Output): void {
  const keys = Object.keys(told?.volumeContext ?? {})
  for (const key of ['name', 'iqn', 'nqn']) assert.ok(keys.includes(key), `${key} is told`)
  for (const key of keys) assert.equal(told?.volumeContext[key], made.volumeContext[key], key)
}

export const GET_VOLUME = behaviour('ControllerGetVolume', {
  'without an id is refused': async ({ client }) => {
    await refused('INVALID_ARGUMENT', client.controller.ControllerGetVolume({}), /volume_id/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      await refused('NOT_FOUND', client.controller.ControllerGetVolume({ volumeId }))
    }
  },
  'tells what creating it told, and who has it': async (c) => {
    const made = await c.volume()
    const { volumeId } = made
    const { volume, status } = await c.client.controller.ControllerGetVolume({ volumeId })
    assert.deepEqual({ ...volume, volumeContext: {} }, { ...made, volumeContext: {} })
    sameContext(volume, made)
    assert.deepEqual(status?.publishedNodeIds, [])
    assert.equal(status.volumeCondition?.abnormal, false)
    await c.publish(made)
    const again = await c.client.controller.ControllerGetVolume({ volumeId })
    assert.deepEqual(again.status?.publishedNodeIds, [NODE_ID])
  },
  'finds no volume by its name: that is not its id': async (c) => {
    const name = c.name()
    await c.volume({ name })
    await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId: name }))
  },
})

export const GET_CAPACITY = behaviour('GetCapacity', {
  'of everything': async ({ client }) => {
    const { availableCapacity, maximumVolumeSize, minimumVolumeSize } = await client.controller.GetCapacity(
      {},
    )
    assert.ok(Number(availableCapacity) > 0)
    assert.ok(Number(maximumVolumeSize?.value) > 0)
    assert.equal(Number(minimumVolumeSize?.value), MIB)
  },
  'with more replicas is less': async ({ client }) => {
    const of = async (replicas: string): Promise<number> =>
      Number((await client.controller.GetCapacity({ parameters: { replicas } })).availableCapacity)
    assert.ok((await of('3')) < (await of('1')))
  },
  'of a zone is less than of all, and of no zone nothing': async ({ client }) => {
    const of = async (zone: string): Promise<number> => {
      const accessibleTopology = { segments: { 'topology.basalt.io/zone': zone } }
      const answer = await client.controller.GetCapacity({
        accessibleTopology,
        parameters: { replicas: '1' },
      })
      return Number(answer.availableCapacity)
    }
    const whole = Number(
      (await client.controller.GetCapacity({ parameters: { replicas: '1' } })).availableCapacity,
    )
    const [z1, z2, none] = [await of('z1'), await of('z2'), await of('nowhere')]
    assert.ok(z1 > 0 && z1 < whole)
    assert.ok(z2 > z1)
    assert.equal(none, 0)
  },
  'for what Basalt does not give is refused or nothing': async ({ client }) => {
    const volumeCapabilities = [mount('MULTI_NODE_MULTI_WRITER')]
    const call = client.controller.GetCapacity({ volumeCapabilities })
    const answer = await call.catch((error: { code: string }) => error.code)
    assert.ok(
      answer === 'INVALID_ARGUMENT' || (typeof answer === 'object' && answer.availableCapacity === '0'),
    )
  },
  'with an unknown parameter is refused': async ({ client }) => {
    await refused(
      'INVALID_ARGUMENT',
      client.controller.GetCapacity({ parameters: { colour: 'red' } }),
      /colour/,
    )
  },
})

export const EXPAND = behaviour('ControllerExpandVolume', {
  'without an id is refused': async ({ client }) => {
    const call = client.controller.ControllerExpandVolume({ capacityRange: { requiredBytes: String(SIZE) } })
    await refused('INVALID_ARGUMENT', call, /volume_id/)
  },
  'without a range is refused': async (c) => {
    const { volumeId } = await c.volume()
    await refused(
      'INVALID_ARGUMENT',
      c.client.controller.ControllerExpandVolume({ volumeId }),
      /capacity_range/,
    )
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      const request = { volumeId, capacityRange: { requiredBytes: String(SIZE) } }
      await refused('NOT_FOUND', client.controller.ControllerExpandVolume(request))
    }
  },
  'grows the volume, and wants the node to do its part': async (c) => {
    const { volumeId } = await c.volume()
    const request = {
      volumeId,
      capacityRange: { requiredBytes: String(2 * SIZE) },
      volumeCapability: mount(),
    }
    const answer = await c.client.controller.ControllerExpandVolume(request)
    assert.deepEqual(answer, { capacityBytes: String(2 * SIZE), nodeExpansionRequired: true })
    const { volume } = await c.client.controller.ControllerGetVolume({ volumeId })
    assert.equal(volume?.capacityBytes, String(2 * SIZE))
  },
  'again is done, and so is to a size that it has': async (c) => {
    const { volumeId } = await c.volume()
    const grow = async (size: number): Promise<string> => {
      const capacityRange = { requiredBytes: String(size) }
      return (await c.client.controller.ControllerExpandVolume({ volumeId, capacityRange })).capacityBytes
    }
    assert.equal(await grow(2 * SIZE), String(2 * SIZE))
    assert.equal(await grow(2 * SIZE), String(2 * SIZE))
    assert.equal(await grow(SIZE), String(2 * SIZE))
  },
  'to less than it has is out of range': async (c) => {
    const { volumeId } = await c.volume()
    const capacityRange = { requiredBytes: String(SIZE / 2), limitBytes: String(SIZE / 2) }
    await refused('OUT_OF_RANGE', c.client.controller.ControllerExpandVolume({ volumeId, capacityRange }))
  },
  'to more than any volume has is out of range': async (c) => {
    const { volumeId } = await c.volume()
    const capacityRange = { requiredBytes: '9223372036854771712' }
    await refused('OUT_OF_RANGE', c.client.controller.ControllerExpandVolume({ volumeId, capacityRange }))
  },
  'of a volume in use works': async (c) => {
    const volume = await c.volume()
    await c.publish(volume)
    const request = { volumeId: volume.volumeId, capacityRange: { requiredBytes: String(2 * SIZE) } }
    assert.equal((await c.client.controller.ControllerExpandVolume(request)).capacityBytes, String(2 * SIZE))
  },
})

interface Qos {
  readonly qos: { readonly iops: number } | null
  readonly preset: string | null
}

export const MODIFY = behaviour('ControllerModifyVolume', {
  'without an id is refused': async ({ client }) => {
    const call = client.controller.ControllerModifyVolume({ mutableParameters: { iops: '100' } })
    await refused('INVALID_ARGUMENT', call, /volume_id/)
  },
  'of a volume that there is not is not found': async ({ client }) => {
    for (const volumeId of [FOREIGN_ID, ABSENT_ID]) {
      const request = { volumeId, mutableParameters: { iops: '100' } }
      await refused('NOT_FOUND', client.controller.ControllerModifyVolume(request))
    }
  },
  'limits the volume, twice as well as once': async (c) => {
    const { volumeId } = await c.volume()
    const request = { volumeId, mutableParameters: { iops: '700', iopsBurst: '900' } }
    await c.client.controller.ControllerModifyVolume(request)
    await c.client.controller.ControllerModifyVolume(request)
    const { qos } = await c.api.call<Qos>('GET', `/block/volume/${volumeId}`)
    assert.equal(qos?.iops, 700)
  },
  'refuses unknown and immutable keys, and changes nothing': async (c) => {
    const { volumeId } = await c.volume()
    for (const key of ['colour', 'transport']) {
      const request = { volumeId, mutableParameters: { iops: '300', [key]: 'x' } }
      await refused('INVALID_ARGUMENT', c.client.controller.ControllerModifyVolume(request), new RegExp(key))
    }
    const { qos } = await c.api.call<Qos>('GET', `/block/volume/${volumeId}`)
    assert.notEqual(qos?.iops, 300)
  },
  'refuses values that make no sense': async (c) => {
    const { volumeId } = await c.volume()
    for (const mutableParameters of [{ iops: 'fast' }, { iops: '-5' }, { preset: 'no-such' }]) {
      await refused(
        'INVALID_ARGUMENT',
        c.client.controller.ControllerModifyVolume({ volumeId, mutableParameters }),
      )
    }
  },
  'changes the preset of a volume in use': async (c) => {
    const volume = await c.volume({ parameters: { preset: 'general', replicas: '2' } })
    await c.publish(volume)
    const { volumeId } = volume
    await c.client.controller.ControllerModifyVolume({ volumeId, mutableParameters: { preset: 'general' } })
  },
})
