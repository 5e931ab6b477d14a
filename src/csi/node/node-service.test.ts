/** What the Node service answers and what it asks of the host, call by call. */
import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import type { DeviceContent } from '../host/host-tools.ts'
import { CALL, capabilityOf, MIB, VOLUME, type Wish, type World, world } from './test-support.ts'

const worlds: World[] = []
function made(wish: Wish = {}): World {
  const one = world(wish)
  worlds.push(one)
  return one
}
afterEach(() => {
  for (const one of worlds.splice(0)) one[Symbol.dispose]()
})

const refusal = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) })
const verbs = (one: World, verb: string): readonly string[] =>
  one.host.calls.filter((call) => call.startsWith(`${verb} `))

describe('transports', () => {
  it('auto is NVMe/TCP where the node has it, over every portal', async () => {
    const one = made()
    await (await one.driver()).stage()
    expect(verbs(one, 'nvmeConnect')).toEqual(['nvmeConnect 10.0.0.1:4420', 'nvmeConnect 10.0.0.2:4420'])
  })

  it('auto is iSCSI where it has not, and stays what it was', async () => {
    const lacks: 'nvme'[] = ['nvme']
    const one = made({ host: { lacks } })
    await (await one.driver()).stage()
    lacks.length = 0
    await (await one.driver()).stage()
    expect(verbs(one, 'nvmeConnect')).toEqual([])
    expect(verbs(one, 'iscsiLogin').length).toBe(1)
  })

  it('what was asked for is not changed when the node lacks it', async () => {
    const one = made({ transport: 'nvme', host: { lacks: ['nvme'] } })
    await expect((await one.driver()).stage()).rejects.toMatchObject(
      refusal('FAILED_PRECONDITION', /the fake host lacks it/),
    )
    expect(one.leftovers()).toEqual([])
  })

  it('one session is made at a server that does not lead, and the next is asked when that is dead', async () => {
    const one = made({ transport: 'iscsi' })
    one.host.deadPortals.add('10.0.0.2:3260')
    await (await one.driver()).stage()
    expect(verbs(one, 'iscsiLogin')).toEqual(['iscsiLogin 10.0.0.2:3260', 'iscsiLogin 10.0.0.3:3260'])
    expect(one.host.leftovers().filter((left) => left.startsWith('record')).length).toBe(1)
  })

  it('with several paths one dead server does not matter, and all of them do', async () => {
    const one = made({ transport: 'iscsi', multipath: true })
    one.host.deadPortals.add('10.0.0.1:3260')
    await (await one.driver()).stage()
    const none = made({ transport: 'iscsi' })
    for (const number of [1, 2, 3]) none.host.deadPortals.add(`10.0.0.${number}:3260`)
    const driver = await none.driver()
    await expect(driver.stage()).rejects.toMatchObject(
      refusal('UNAVAILABLE', /could not log in at any portal/),
    )
    await driver.unstage()
    expect(none.leftovers()).toEqual([])
  })
})

describe('what is on the disk', () => {
  const contents: readonly (readonly [string, DeviceContent, RegExp])[] = [
    [
      'another file system',
      { kind: 'filesystem', type: 'xfs', uuid: VOLUME, isUnfinished: false },
      /not ext4/,
    ],
    ['data without a signature', { kind: 'unknown', what: 'data', startsWithZeros: true }, /it holds data/],
    [
      'an unfinished one',
      { kind: 'filesystem', type: 'ext4', uuid: '', isUnfinished: true },
      /never finished/,
    ],
  ]
  it.each(contents)('%s is never formatted over', async (_name, content, why) => {
    const one = made({ transport: 'iscsi' })
    one.host.disks.set(VOLUME, { sizeBytes: 64 * MIB, fsBytes: 0, content, isReadOnly: false })
    await expect((await one.driver()).stage()).rejects.toMatchObject(refusal('FAILED_PRECONDITION', why))
    expect(verbs(one, 'format')).toEqual([])
    expect(one.host.disks.get(VOLUME)?.content).toEqual(content)
    await (await one.driver()).unstage()
    expect(one.leftovers()).toEqual([])
  })

  it('readers get no file system made, a read-only disk, and no check that would write', async () => {
    const one = made({ transport: 'iscsi', mode: 'MULTI_NODE_READER_ONLY' })
    const driver = await one.driver()
    await expect(driver.stage()).rejects.toMatchObject(
      refusal('FAILED_PRECONDITION', /none is made for readers/),
    )
    const disk = one.host.disks.get(VOLUME)
    if (disk === undefined) throw new Error('there is no disk')
    expect(disk.isReadOnly).toBe(true)
    disk.content = { kind: 'filesystem', type: 'ext4', uuid: VOLUME, isUnfinished: false }
    await driver.stage()
    await driver.publish()
    expect([...verbs(one, 'check'), ...verbs(one, 'grow')]).toEqual([])
    expect((await one.host.mounts()).map(({ isReadOnly }) => isReadOnly)).toEqual([true, true])
  })

  it('a file system is checked before it is mounted, and grows to its disk', async () => {
    const one = made({ transport: 'nvme' })
    const driver = await one.driver()
    await driver.stage()
    await driver.unstage()
    const disk = one.host.disks.get(VOLUME)
    if (disk === undefined) throw new Error('there is no disk')
    disk.sizeBytes *= 2
    one.host.calls.length = 0
    await driver.stage()
    const order = one.host.calls.map((call) => call.split(' ')[0]).filter((verb) => !verb?.startsWith('nvme'))
    expect(order).toEqual(['check', 'makeDirectory', 'mount', 'grow'])
    expect(disk.fsBytes).toBe(disk.sizeBytes)
  })
})

describe('letting go', () => {
  it('a volume that is published is not unstaged', async () => {
    const one = made()
    const driver = await one.driver()
    await driver.stage()
    await driver.publish()
    await expect(driver.unstage()).rejects.toMatchObject(refusal('FAILED_PRECONDITION', /still published at/))
    expect(
      (
        await driver.service.NodeGetVolumeStats.handle(
          { volumeId: VOLUME, volumePath: one.targetPath, stagingTargetPath: '' },
          CALL,
        )
      ).volumeCondition?.abnormal,
    ).toBe(false)
  })

  it('a dead target holds it up with a reason, and what cannot be written is given up in the end', async () => {
    const one = made({ transport: 'nvme' })
    const driver = await one.driver()
    await driver.stage()
    const { unmount } = one.host
    one.host.unmount = (target, options) =>
      options.detach
        ? unmount(target, options)
        : Promise.reject(new BlockError('TIMED_OUT', 'umount did not end within 60 s'))
    await expect(driver.unstage()).rejects.toMatchObject(refusal('UNAVAILABLE', /its sessions are alive/))
    for (const number of [1, 2]) one.host.deadPortals.add(`10.0.0.${number}:4420`)
    await expect(driver.unstage()).rejects.toMatchObject(
      refusal('UNAVAILABLE', /no server of the volume answers/),
    )
    expect(one.host.leftovers()).not.toEqual([])
    one.clock.nowMs += 200_000
    await driver.unstage()
    expect(one.leftovers()).toEqual([])
  })

  it('a disk that a file system still holds keeps its sessions', async () => {
    const one = made({ transport: 'nvme' })
    const driver = await one.driver()
    await driver.stage()
    const { flush } = one.host
    one.host.flush = () => Promise.reject(new BlockError('IN_USE', 'held'))
    await expect(driver.unstage()).rejects.toMatchObject(refusal('UNAVAILABLE', /still in use/))
    expect(verbs(one, 'nvmeDisconnect')).toEqual([])
    one.host.flush = flush
    await driver.unstage()
    expect(one.leftovers()).toEqual([])
  })

  it('what was never here is let go with success, and nothing of others is touched', async () => {
    const one = made()
    const driver = await one.driver()
    await driver.unstage()
    await driver.unpublish()
    await driver.stage()
    const other = '99999999-1111-4222-8333-444455556666'
    const { NodeUnstageVolume, NodeUnpublishVolume } = driver.service
    await NodeUnstageVolume.handle({ volumeId: other, stagingTargetPath: one.stagingPath }, CALL)
    await NodeUnpublishVolume.handle({ volumeId: other, targetPath: one.stagingPath }, CALL)
    await NodeUnstageVolume.handle({ volumeId: 'no id', stagingTargetPath: one.stagingPath }, CALL)
    expect((await one.host.mounts()).length).toBe(1)
  })
})

describe('answers', () => {
  it('a call that nobody waits for goes no further, and the next goes on', async () => {
    const one = made({ transport: 'iscsi' })
    const { service, stage } = await one.driver()
    const late = { ...CALL, signal: AbortSignal.abort() }
    const request = {
      ...{ volumeId: VOLUME, stagingTargetPath: one.stagingPath, secrets: {} },
      volumeContext: { name: 'v', iqn: 'iqn.2026-11.io.basalt:v', nqn: 'nqn.2026-11.io.basalt:v' },
      publishContext: { iscsiPortals: '10.0.0.1:3260', nvmePortals: '', lun: '0', nsid: '1' },
      volumeCapability: capabilityOf({}),
    }
    await expect(service.NodeStageVolume.handle(request, late)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    expect(verbs(one, 'iscsiLogin')).toEqual([])
    await stage()
  })

  it('another capability or another path is refused while it is staged', async () => {
    const one = made()
    const { service, stage } = await one.driver()
    await stage()
    const base = {
      ...{ volumeId: VOLUME, stagingTargetPath: one.stagingPath, secrets: {} },
      volumeContext: { name: 'v', iqn: 'iqn.2026-11.io.basalt:v', nqn: 'nqn.2026-11.io.basalt:v' },
      publishContext: { iscsiPortals: '', nvmePortals: '10.0.0.1:4420', lun: '0', nsid: '1' },
    }
    const stageWith = (request: object) =>
      service.NodeStageVolume.handle({ ...base, volumeCapability: capabilityOf({}), ...request }, CALL)
    await expect(stageWith({ volumeCapability: capabilityOf({ kind: 'block' }) })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    await expect(stageWith({ stagingTargetPath: `${one.stagingPath}-2` })).rejects.toMatchObject(
      refusal('FAILED_PRECONDITION', /is staged at/),
    )
    await expect(stageWith({ volumeId: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(stageWith({ volumeCapability: null, volumeId: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(stageWith({ volumeId: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('a target has one way to be published; a single writer has one target', async () => {
    const one = made({ mode: 'SINGLE_NODE_SINGLE_WRITER' })
    const { service, stage, publish } = await one.driver()
    await stage()
    await publish()
    const request = {
      ...{ volumeId: VOLUME, stagingTargetPath: one.stagingPath, targetPath: one.targetPath },
      ...{ publishContext: {}, volumeContext: {}, secrets: {}, readonly: false },
      volumeCapability: capabilityOf({ mode: 'SINGLE_NODE_SINGLE_WRITER' }),
    }
    const publishWith = (more: object) => service.NodePublishVolume.handle({ ...request, ...more }, CALL)
    await expect(publishWith({ readonly: true })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await expect(publishWith({ targetPath: `${one.targetPath}-2` })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    })
    expect(existsSync(`${one.targetPath}-2`)).toBe(false)
    await expect(publishWith({ stagingTargetPath: '' })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    })
  })

  it('a target that was never mounted does not hold up the next pod', async () => {
    for (const wish of [
      { mode: 'SINGLE_NODE_SINGLE_WRITER' },
      { mode: 'SINGLE_NODE_SINGLE_WRITER', kind: 'block' },
      { mode: 'SINGLE_NODE_MULTI_WRITER', kind: 'block' },
    ] as const) {
      const one = made(wish)
      const { stage, publish, unpublish } = await one.driver()
      await stage()
      const { bind } = one.host
      one.host.bind = () => Promise.reject(new BlockError('DISK', 'mount: exit code 32'))
      await expect(publish()).rejects.toMatchObject({ code: 'DISK' })
      one.host.bind = bind
      // the driver begins anew, and has its record alone
      const { service, unstage } = await one.driver()
      const targetPath = `${one.targetPath}-2`
      const at = { volumeId: VOLUME, stagingTargetPath: one.stagingPath, targetPath }
      const request = { ...at, publishContext: {}, volumeContext: {}, secrets: {}, readonly: true }
      await service.NodePublishVolume.handle({ ...request, volumeCapability: capabilityOf(wish) }, CALL)
      // that one is mounted, and counts
      await expect(publish()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' })
      await unpublish()
      await service.NodeUnpublishVolume.handle({ volumeId: VOLUME, targetPath }, CALL)
      await publish()
      await unpublish()
      await unstage()
      expect(one.leftovers()).toEqual([])
    }
  })

  it('stats tell size and condition; what is not here is not found', async () => {
    const one = made({ transport: 'nvme', kind: 'block' })
    const { service, stage, publish } = await one.driver()
    const stats = (volumePath: string) =>
      service.NodeGetVolumeStats.handle({ volumeId: VOLUME, volumePath, stagingTargetPath: '' }, CALL)
    await expect(stats(one.targetPath)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await stage()
    await publish()
    expect(await stats(one.targetPath)).toEqual({
      usage: [{ unit: 'BYTES', total: 2 ** 30 }],
      volumeCondition: { abnormal: false, message: 'the volume is attached' },
    })
    await expect(stats('some/path')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(stats('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    for (const number of [1, 2]) one.host.deadPortals.add(`10.0.0.${number}:4420`)
    expect((await stats(one.targetPath)).volumeCondition).toMatchObject({
      abnormal: true,
      message: expect.stringMatching(/no server of the volume answers/),
    })
  })

  it('a volume that has not grown outside yet is to be asked again', async () => {
    const one = made({ host: { volumeBytes: () => Promise.resolve(32 * MIB) } })
    const driver = await one.driver()
    await driver.stage()
    await driver.publish()
    await expect(driver.expand()).rejects.toMatchObject(refusal('UNAVAILABLE', /not yet 67108864/))
  })
})
