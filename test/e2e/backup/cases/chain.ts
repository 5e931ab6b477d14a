/** Full and incremental backups of a volume of the engine: what they send, in how many requests, and what comes back. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '../../../../src/base/units.ts'
import { LocalVolume } from '../fixture/local-volume.ts'
import { type BackupCase, expect, type Scene } from '../fixture/scene.ts'

const SIZE_BYTES = 192 * MIB
const FILLED_BYTES = 128 * MIB
/** More than the packs of a full backup: marker, note, listings, index, manifest. */
const REQUESTS_BEYOND = 20
const METADATA_BYTES = 16 * 1024

export const CHAIN: BackupCase = {
  name: 'chain',
  summary: 'full and incremental backups: bytes, requests, content',
  async run(scene) {
    const local = await LocalVolume.make(join(scene.directory, 'chain'), SIZE_BYTES)
    try {
      await chain(scene, local)
    } finally {
      await local.close()
    }
  },
}

async function chain(scene: Scene, local: LocalVolume): Promise<void> {
  const spec = scene.spec('chain')
  const copies: { id: string; content: Uint8Array }[] = []
  await local.fill(FILLED_BYTES)
  const backup = async () => {
    const image = await local.image()
    const content = local.content.slice()
    const beganMs = performance.now()
    try {
      const made = await scene.withRepository(spec, (repository) =>
        repository.backup({ image, volumeName: 'local', base: { kind: 'auto' } }),
      )
      copies.push({ id: made.backup.id, content })
      return { ...made, seconds: (performance.now() - beganMs) / 1000 }
    } finally {
      await image.close()
    }
  }
  await scene.check('a full backup sends what was written, in few requests', async () => {
    const made = await backup()
    const { sentBytes, requests, seconds } = made
    expect(made.fullBecause === 'first', `it is full because ${made.fullBecause}`)
    expect(sentBytes < 1.01 * FILLED_BYTES, `it sent ${sentBytes} bytes`)
    expect(requests <= sentBytes / (4 * MIB) + REQUESTS_BEYOND, `it made ${requests} requests`)
    expect(scene.proxy.requests.length === requests, `the proxy counted ${scene.proxy.requests.length}`)
    const copySeconds = await fileCopySeconds(scene.directory)
    scene.note(
      `${requests} requests for ${sentBytes} bytes; ${rate(FILLED_BYTES, seconds)} (a copy of a file with fsync: ${rate(FILLED_BYTES, copySeconds)})`,
    )
  })
  await scene.check(
    'after 1 % of all blocks changed at random, 1.2 % and some metadata are sent',
    async () => {
      for (let i = 0; i < 3; i++) {
        await local.change(Math.floor(FILLED_BYTES / 4096 / 100), FILLED_BYTES / 4096)
        const made = await backup()
        const { sentBytes, requests } = made
        expect(made.backup.kind === 'incremental', 'it is full')
        expect(sentBytes <= 0.012 * FILLED_BYTES + METADATA_BYTES, `it sent ${sentBytes} bytes`)
        expect(requests <= sentBytes / (4 * MIB) + REQUESTS_BEYOND, `it made ${requests} requests`)
        scene.note(
          `${sentBytes} bytes, ${((100 * sentBytes) / FILLED_BYTES).toFixed(3)} % of ${FILLED_BYTES}, in ${requests} requests`,
        )
      }
    },
  )
  await scene.check('trimmed and zeroed ranges are told, and cost nothing', async () => {
    await local.volume.trim(16 * MIB, 32 * MIB)
    await local.volume.writeZeroes(80 * MIB, 8 * MIB)
    local.content.fill(0, 16 * MIB, 48 * MIB)
    local.content.fill(0, 80 * MIB, 88 * MIB)
    const { sentBytes } = await backup()
    expect(sentBytes < 64 * 1024, `it sent ${sentBytes} bytes`)
  })
  await scene.check('every backup of the chain restores to what the volume was then', async () => {
    for (const { id, content } of copies) {
      const target = await LocalVolume.make(join(scene.directory, 'restored'), SIZE_BYTES)
      try {
        const beganMs = performance.now()
        const restored = await scene.withRepository(spec, (repository) =>
          repository.restore({ backup: id, target: target.volume, content: 'blank' }),
        )
        const seconds = (performance.now() - beganMs) / 1000
        await target.expectContent(content)
        scene.note(`${id}: ${rate(restored.writtenBytes, seconds)} in ${restored.requests} requests`)
      } finally {
        await target.close()
      }
    }
  })
  await scene.check('a restore over another state of the volume writes what differs', async () => {
    const { id, content } = copies[1]!
    await scene.withRepository(spec, (repository) =>
      repository.restore({ backup: id, target: local.volume, content: 'any' }),
    )
    await local.expectContent(content)
  })
  await scene.check('verify proves each, and a prune keeps the newest whole', async () => {
    await scene.withRepository(spec, async (repository) => {
      for (const { id } of copies) await repository.verify({ backup: id })
      const pruned = await repository.prune({
        volume: null,
        keep: { last: 1 },
        now: Date.now() + 1000,
        dryRun: false,
        graceMs: 0,
      })
      expect(pruned.deleted.length === copies.length - 1, `${pruned.deleted.length} were deleted`)
      await repository.verify({ backup: copies.at(-1)!.id })
      scene.note(`${pruned.freedBytes} bytes came back, ${pruned.packsRewritten} packs were written anew`)
    })
  })
  await scene.check('an exported image is the volume, and comes back', async () => {
    const image = await local.image()
    const content = local.content
    await local.volume.read(0, content)
    const target = await LocalVolume.make(join(scene.directory, 'imported'), SIZE_BYTES)
    try {
      await scene.withRepository(spec, async (repository) => {
        await repository.exportImage({ image, name: 'taken-away', volumeName: 'local', toolVersion: 'test' })
        await repository.importImage({ name: 'taken-away', target: target.volume, content: 'blank' })
      })
      await target.expectContent(content)
    } finally {
      await image.close()
      await target.close()
    }
  })
}

const rate = (bytes: number, seconds: number): string => `${(bytes / MIB / seconds).toFixed(0)} MiB/s`

/** Of as many random bytes: what the disk alone takes. */
async function fileCopySeconds(directory: string): Promise<number> {
  const [from, to] = [join(directory, 'copied-from'), join(directory, 'copied-to')]
  const file = openSync(from, 'w')
  const piece = crypto.getRandomValues(new Uint8Array(64 * 1024))
  for (let at = 0; at < FILLED_BYTES; at += piece.byteLength) writeSync(file, piece)
  fsyncSync(file)
  closeSync(file)
  const beganMs = performance.now()
  await copyFile(from, to)
  const copied = await open(to, 'r+')
  await copied.sync()
  await copied.close()
  const seconds = (performance.now() - beganMs) / 1000
  rmSync(from)
  rmSync(to)
  return seconds
}
