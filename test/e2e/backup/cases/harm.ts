/** What goes wrong on the way to an object store and in it: repeated where that helps, else loud and by name. */
import { join } from 'node:path'
import { MIB } from '../../../../src/base/units.ts'
import type { ProxyFault, ProxyRequest } from '../fixture/fault-proxy.ts'
import { LocalVolume } from '../fixture/local-volume.ts'
import { type BackupCase, expect, expectFailure, KEY, type Scene } from '../fixture/scene.ts'

const SIZE_BYTES = 24 * MIB
const OTHER_KEY = 'bad0'.repeat(16)

export const HARM: BackupCase = {
  name: 'harm',
  summary: 'refusals, silence, cuts, damage, a wrong key',
  async run(scene) {
    const local = await LocalVolume.make(join(scene.directory, 'harm'), SIZE_BYTES, 2)
    try {
      await local.fill(SIZE_BYTES)
      await onTheWay(scene, local)
      await refused(scene, local)
      await inTheStore(scene, local)
      await keys(scene, local)
    } finally {
      await local.close()
    }
  },
}

async function backup(scene: Scene, local: LocalVolume, prefix: string, full = true) {
  const image = await local.image()
  try {
    return await scene.withRepository(scene.spec(prefix), (repository) =>
      repository.backup({ image, volumeName: 'local', base: { kind: full ? 'full' : 'auto' } }),
    )
  } finally {
    await image.close()
  }
}

async function restore(
  scene: Scene,
  prefix: string,
  id: string,
  key: string | null = KEY,
): Promise<LocalVolume> {
  const target = await LocalVolume.make(join(scene.directory, `restored-${prefix}`), SIZE_BYTES)
  try {
    await scene.withRepository(scene.spec(prefix, key), (repository) =>
      repository.restore({ backup: id, target: target.volume, content: 'blank' }),
    )
    return target
  } catch (error) {
    await target.close()
    throw error
  }
}

/** Each is repeated until it is well. */
const PASSING: readonly (readonly [string, ProxyFault])[] = [
  ['500', { kind: 'answer', status: 500, code: 'InternalError' }],
  ['503', { kind: 'answer', status: 503, code: 'SlowDown' }],
  ['503 of what was done', { kind: 'answer late', status: 503, code: 'ServiceUnavailable' }],
  ['silence', { kind: 'stall' }],
  ['answers cut off', { kind: 'cut answer' }],
  ['answers changed', { kind: 'change' }],
]

async function onTheWay(scene: Scene, local: LocalVolume): Promise<void> {
  for (const [what, fault] of PASSING) {
    await scene.check(`${what}, at every fourth request: backup and restore go through`, async () => {
      const prefix = `way-${PASSING.findIndex(([name]) => name === what)}`
      let faults = 0
      scene.proxy.fault = ({ number, method }) => {
        // what is changed of a listing is for the transport to see, which loopback does not do
        if (fault.kind === 'change' && method !== 'GET') return undefined
        // spread, so that no request of a sequence is always the one
        if ((Math.imul(number, 0x9e37_79b1) >>> 16) % 4 !== 2) return undefined
        faults++
        return fault
      }
      if (fault.kind === 'change') {
        const listed = scene.proxy.fault
        scene.proxy.fault = (request) => (request.object === '?list' ? undefined : listed(request))
      }
      const { backup: made } = await backup(scene, local, prefix)
      const target = await restore(scene, prefix, made.id)
      await target.expectContent(local.content)
      await target.close()
      expect(faults >= (fault.kind === 'change' ? 2 : 4), `there were only ${faults} faults`)
    })
  }
  await scene.check(
    'an upload of which half arrives, and is answered well, is found and sent again',
    async () => {
      let packs = 0
      scene.proxy.fault = (request) =>
        isPackPut(request) && ++packs === 2 ? { kind: 'cut body' } : undefined
      await expectFailure(backup(scene, local, 'half'), /CORRUPT/, 'packs/')
      expect((await manifests(scene, 'half')).length === 0, 'there is a manifest')
      scene.proxy.reset()
      const { backup: made } = await backup(scene, local, 'half')
      const target = await restore(scene, 'half', made.id)
      await target.expectContent(local.content)
      await target.close()
    },
  )
  await scene.check('a store that answers 503 for ever ends the backup, by name', async () => {
    scene.proxy.fault = (request) =>
      isPackPut(request) ? { kind: 'answer', status: 503, code: 'SlowDown' } : undefined
    await expectFailure(backup(scene, local, 'ever'), /BUSY/, 'packs/')
  })
}

const isPackPut = ({ method, object }: ProxyRequest): boolean =>
  method === 'PUT' && object.includes('/packs/')

async function manifests(scene: Scene, prefix: string): Promise<string[]> {
  const objects = scene.objects(prefix)
  try {
    return await objects.names('manifests/')
  } finally {
    await objects.close()
  }
}

async function refused(scene: Scene, local: LocalVolume): Promise<void> {
  const rows = [
    ['refused credentials', { kind: 'answer', status: 403, code: 'AccessDenied' }],
    ['expired credentials', { kind: 'answer', status: 400, code: 'ExpiredToken' }],
  ] as const
  for (const [what, fault] of rows) {
    await scene.check(`${what} in the middle end the backup, which goes on with new ones`, async () => {
      const prefix = what.replace(' ', '-')
      const image = await local.image()
      const work = () =>
        scene.withRepository(scene.spec(prefix), (repository) =>
          repository.backup({ image, volumeName: 'local', base: { kind: 'auto' } }),
        )
      let packs = 0
      scene.proxy.fault = (request) => (isPackPut(request) && ++packs > 2 ? fault : undefined)
      await expectFailure(work(), /ACCESS_DENIED/, 'packs/')
      const requests = scene.proxy.requests.length
      expect(requests < 30, `it insisted: ${requests} requests`)
      scene.proxy.reset()
      const made = await work()
      expect(made.resumedBytes > 8 * MIB, `${made.resumedBytes} bytes were taken over`)
      const target = await restore(scene, prefix, made.backup.id)
      await target.expectContent(local.content)
      await target.close()
      await image.close()
      scene.proxy.fault = () => fault
      await expectFailure(restore(scene, prefix, made.backup.id), /ACCESS_DENIED/, 'repository')
    })
  }
}

async function inTheStore(scene: Scene, local: LocalVolume): Promise<void> {
  const prefix = 'store'
  const { backup: first } = await backup(scene, local, prefix)
  await local.change(500, local.blocks)
  const { backup: second } = await backup(scene, local, prefix, false)
  const objects = scene.objects(prefix)
  const names = (await objects.names()).filter((name) => name !== 'repository' && !name.endsWith(first.id))
  const harms: readonly (readonly [string, (name: string, bytes: Uint8Array) => Promise<void>])[] = [
    ['damaged', (name, bytes) => objects.write(name, changed(bytes, bytes.byteLength >> 1))],
    ['damaged at its start', (name, bytes) => objects.write(name, changed(bytes, 36))],
    ['cut short', (name, bytes) => objects.write(name, bytes.subarray(0, bytes.byteLength - 100))],
    ['missing', (name) => objects.remove(name)],
    [
      'swapped with another',
      async (name) => objects.write(name, await objects.read(names.find((other) => other !== name)!)),
    ],
  ]
  for (const [what, harm] of harms) {
    await scene.check(`an object that is ${what}: verify and restore fail, and name it`, async () => {
      for (const name of names) {
        const bytes = await objects.read(name)
        await harm(name, bytes)
        const isManifest = name.startsWith('manifests/')
        const code = isManifest && what === 'missing' ? /NOT_FOUND/ : /CORRUPT/
        const named = isManifest && what === 'missing' ? second.id : name
        await scene.withRepository(scene.spec(prefix), (repository) =>
          expectFailure(repository.verify({ backup: second.id }), code, named),
        )
        const target = await restore(scene, prefix, second.id).catch((error: unknown) => error)
        if (target instanceof LocalVolume) {
          // what a restore does not read: blocks that a later backup has otherwise
          await target.expectContent(local.content)
          await target.close()
          expect(what.startsWith('damaged') || what === 'cut short', `${what}: it was not seen`)
        } else {
          expect(
            target instanceof Error && target.message.includes(named),
            `${String(target)} does not name ${named}`,
          )
        }
        await objects.write(name, bytes)
      }
    })
  }
  await scene.check('put right again, it verifies and restores', async () => {
    const target = await restore(scene, prefix, second.id)
    await target.expectContent(local.content)
    await target.close()
  })
  await objects.close()
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

async function keys(scene: Scene, local: LocalVolume): Promise<void> {
  await scene.check('a wrong key, and none, are refused before anything is written', async () => {
    const { backup: made } = await backup(scene, local, 'keys')
    for (const key of [OTHER_KEY, null]) {
      await expectFailure(restore(scene, 'keys', made.id, key), /ACCESS_DENIED/, 'repository')
      const image = await local.image()
      const failing = scene.withRepository(scene.spec('keys', key), (repository) =>
        repository.backup({ image, volumeName: 'local', base: { kind: 'auto' } }),
      )
      await expectFailure(failing, /ACCESS_DENIED/, 'repository')
      await image.close()
    }
  })
}
