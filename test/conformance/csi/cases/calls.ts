/** What holds for calls whatever they are about: one at a time for a volume, deadlines, secrets, odd bytes. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CreateVolumeRequest } from '../../../../src/gen/csi/v1/CreateVolumeRequest.ts'
import type { Volume__Output } from '../../../../src/gen/csi/v1/Volume.ts'
import { behaviour, type Context, mount, publishOf, refused, sameVolume, stageOf } from '../case.ts'
import { CallRefused, csiClient } from '../fixture/client.ts'
import { NODE_ID } from '../fixture/drivers.ts'

const CALLERS = 8
const SECRET = 'never-to-be-seen-0123456789'

/** The volume, when the call that made it before has ended. */
const untilMade = (c: Context, wish: CreateVolumeRequest): Promise<Volume__Output | null> =>
  c.api.until(`${wish.name} to be made`, 30_000, async () => {
    try {
      return (await c.client.controller.CreateVolume(wish)).volume
    } catch (error) {
      if (error instanceof CallRefused && error.code === 'ABORTED') return undefined
      throw error
    }
  })

/** Codes of calls made at once. */
async function codesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const ends = await Promise.allSettled(calls)
  return ends.map((end) => {
    if (end.status === 'fulfilled') return 'OK'
    if (!(end.reason instanceof CallRefused)) throw end.reason
    return end.reason.code
  })
}

export const CALLS = behaviour('calls', {
  'for one name at once make one volume; the others are aborted': async (c) => {
    const wish = c.wish()
    const calls = Array.from({ length: CALLERS }, () => c.client.controller.CreateVolume(wish))
    const codes = await codesOf(calls)
    assert.ok(codes.includes('OK'), codes.join())
    assert.ok(codes.includes('ABORTED'), codes.join())
    assert.ok(
      codes.every((code) => ['OK', 'ABORTED'].includes(code)),
      codes.join(),
    )
    const volume = await c.volume(wish)
    for (const call of calls) {
      const made = await call.catch(() => null)
      if (made !== null) sameVolume(volume, made.volume)
    }
  },
  'for different volumes at once do not wait for each other': async (c) => {
    const wishes = Array.from({ length: 4 }, () => c.wish())
    const answers = await Promise.all(wishes.map((wish) => c.client.controller.CreateVolume(wish)))
    for (const { volume } of answers) c.forget(volume?.volumeId ?? '')
    assert.equal(new Set(answers.map(({ volume }) => volume?.volumeId)).size, 4)
  },
  'that publish one volume at once: one, and the others are aborted': async (c) => {
    const { volumeId } = await c.volume()
    const publish = () =>
      c.client.controller.ControllerPublishVolume({ volumeId, nodeId: NODE_ID, volumeCapability: mount() })
    c.later(() => c.client.controller.ControllerUnpublishVolume({ volumeId, nodeId: NODE_ID }))
    const codes = await codesOf(Array.from({ length: CALLERS }, publish))
    assert.ok(codes.includes('OK') && codes.every((code) => ['OK', 'ABORTED'].includes(code)), codes.join())
    await publish()
  },
  'from two controllers for two nodes: one has the volume': async (c) => {
    const { volumeId } = await c.volume()
    const publish = (at: number) =>
      c.wide.ControllerPublishVolume({ volumeId, nodeId: `node-${at}`, volumeCapability: mount() })
    c.later(() => c.wide.ControllerUnpublishVolume({ volumeId }))
    const other = c.client.controller.ControllerPublishVolume({
      ...{ volumeId, nodeId: NODE_ID },
      volumeCapability: mount(),
    })
    const codes = await codesOf([publish(1), other])
    assert.deepEqual(codes.sort(), ['FAILED_PRECONDITION', 'OK'])
  },
  'that stage one volume at once: one, and the others are aborted': async (c) => {
    const staged = await c.staged()
    const { volumeId } = staged.volume
    await c.client.node.NodeUnstageVolume({ volumeId, stagingTargetPath: staged.stagingPath })
    mkdirSync(staged.stagingPath, { recursive: true })
    const codes = await codesOf(
      Array.from({ length: CALLERS }, () => c.client.node.NodeStageVolume(stageOf(staged))),
    )
    assert.ok(codes.includes('OK') && codes.every((code) => ['OK', 'ABORTED'].includes(code)), codes.join())
  },
  'whose deadline passes are told so, and the retry finds what they did': async (c) => {
    const wish = c.wish()
    await refused('DEADLINE_EXCEEDED', c.client.controller.CreateVolume(wish, { timeoutMs: 1 }))
    const volume = await untilMade(c, wish)
    sameVolume(volume, await c.volume(wish))
  },
  'whose client goes away are made again': async (c) => {
    const wish = c.wish()
    const leave = new AbortController()
    const call = c.client.controller.CreateVolume(wish, { signal: leave.signal })
    leave.abort()
    await refused('CANCELLED', call)
    const volume = await untilMade(c, wish)
    sameVolume(volume, await c.volume(wish))
  },
  'from many clients at once are all answered': async (c) => {
    const path = c.drivers.all.ready.endpoint.slice('unix://'.length)
    const clients = Array.from({ length: 20 }, () => csiClient(path))
    const answers = await Promise.all(clients.map((client) => client.identity.GetPluginInfo({})))
    assert.equal(answers.length, 20)
    for (const client of clients) client.close()
  },
  'with ids of the greatest length are refused for what they are': async (c) => {
    const volumeId = 'v'.repeat(128)
    await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId }))
    await refused(
      'NOT_FOUND',
      c.client.controller.CreateSnapshot({ sourceVolumeId: volumeId, name: c.name() }),
    )
    await c.client.controller.DeleteSnapshot({ snapshotId: 's'.repeat(128) })
  },
  'with ids that would be paths or commands harm nothing': async (c) => {
    for (const volumeId of ['../../../etc/passwd', '$(reboot)', "'; drop table volumes", 'a\nb', '\u0000']) {
      await refused('NOT_FOUND', c.client.controller.ControllerGetVolume({ volumeId }))
      await c.client.controller.DeleteVolume({ volumeId })
      await refused('NOT_FOUND', c.client.node.NodeGetVolumeStats({ volumeId, volumePath: 'some/path' }))
    }
  },
  'with secrets leave none of them in any log line or answer': async (c) => {
    const secrets = { 'chap-user': 'the-user', 'chap-secret': SECRET }
    const capability = mount()
    const volume = await c.volume({ secrets, parameters: { replicas: '1', transport: 'iscsi' } })
    const { volumeId, volumeContext } = volume
    const { publishContext } = await c.publish(volume)
    const stagingPath = c.path()
    const staged = {
      ...{ volume, publishContext, capability, stagingPath },
      targetPath: join(stagingPath, 'target'),
    }
    await c.client.node.NodeStageVolume({ ...stageOf(staged), secrets })
    c.later(() => c.client.node.NodeUnstageVolume({ volumeId, stagingTargetPath: stagingPath }))
    await c.client.node.NodePublishVolume({ ...publishOf(staged), secrets })
    c.later(() => c.client.node.NodeUnpublishVolume({ volumeId, targetPath: staged.targetPath }))
    const wrong = { 'chap-secret': SECRET }
    const end = await c.client.controller
      .CreateVolume(c.wish({ secrets: wrong }))
      .catch((error: Error) => error)
    assert.ok(end instanceof CallRefused)
    const told = JSON.stringify([volumeContext, publishContext, end.message])
    assert.ok(!told.includes(SECRET))
    const lines = c.drivers.log()
    assert.ok(lines.some((line) => line.includes(volumeId)))
    assert.ok(!lines.some((line) => line.includes(SECRET)))
  },
})
