import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeVolume, realPorts, temporaryDirectory } from '../../test/e2e/target/support/volume.ts'
import { isBlockError } from '../base/errors.ts'
import { MIB } from '../base/units.ts'
import { formatUuid, parseUuid, randomUuid } from '../base/uuid.ts'
import { readIdentity } from '../blockvol/identity.ts'
import { DataDirectory } from './data-directory.ts'
import { ensureVolume, type WantedVolume } from './ensure-volume.ts'
import { VolumeCatalog } from './volume-catalog.ts'

const ports = realPorts()
let directory: ReturnType<typeof temporaryDirectory>
let data: string
beforeEach(() => {
  directory = temporaryDirectory()
  data = `${directory.path}/data`
})
afterEach(() => directory.remove())

describe('UUIDs', () => {
  it('are random, of version 4, and survive their text', () => {
    const uuid = randomUuid(ports.random)
    expect(formatUuid(uuid)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(parseUuid(formatUuid(uuid))).toEqual(uuid)
    expect(parseUuid(formatUuid(uuid).toUpperCase())).toBeUndefined()
    expect(parseUuid('../../etc')).toBeUndefined()
  })
})

describe('DataDirectory', () => {
  it('is made with an identity that stays', async () => {
    const first = await DataDirectory.open(ports, data)
    await first.close()
    const second = await DataDirectory.open(ports, data)
    expect(second.serverId).toBe(first.serverId)
    expect(JSON.parse(readFileSync(`${data}/server.json`, 'utf8'))).toEqual({
      version: 1,
      id: first.serverId,
    })
    await second.close()
  })

  it('is refused while it is in use, naming directory and process', async () => {
    const first = await DataDirectory.open(ports, data)
    await expect(DataDirectory.open(ports, data)).rejects.toMatchObject({
      code: 'IN_USE',
      message: `--data ${data} is in use by process ${process.pid}; stop it, or give another directory`,
    })
    await first.close()
  })

  it.each([
    ['{', 'CORRUPT'],
    ['{"version":1}', 'CORRUPT'],
    ['{"version":1,"id":"x"}', 'CORRUPT'],
    ['null', 'CORRUPT'],
    ['{"version":2,"id":"x"}', 'UNKNOWN_FORMAT'],
  ])('refuses a server.json of %s with %s, and lets go of the lock', async (text, code) => {
    await mkdir(data)
    writeFileSync(`${data}/server.json`, text)
    await expect(DataDirectory.open(ports, data)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`${data}/server.json`),
    })
    rmSync(`${data}/server.json`)
    await (await DataDirectory.open(ports, data)).close()
  })
})

describe('VolumeCatalog and ensureVolume', () => {
  let catalog: VolumeCatalog
  const wanted: WantedVolume = {
    name: 'vol1',
    sizeBytes: 16 * MIB,
    logicalBlockBytes: undefined,
    readOnly: false,
    logRoot: undefined,
  }
  const ensure = (changes: Partial<WantedVolume> = {}): ReturnType<typeof ensureVolume> =>
    ensureVolume(ports, catalog, { ...wanted, ...changes })
  const { disk } = ports

  beforeEach(async () => {
    await disk.makeDirectory(`${data}/volumes`)
    catalog = new VolumeCatalog({ disk, path: `${data}/volumes`, logger: ports.logger })
  })

  it('makes a volume once and finds it by its name afterwards', async () => {
    const made = await ensure()
    expect(await readIdentity(disk, made.directory)).toMatchObject({ name: 'vol1', sizeBytes: 16 * MIB })
    expect(await ensure()).toEqual(made)
    expect(await ensure({ sizeBytes: undefined })).toEqual(made)
    const other = await ensure({ name: 'vol2', logicalBlockBytes: 4096 })
    expect(other.directory).not.toBe(made.directory)
    expect((await catalog.find('vol2'))?.logicalBlockBytes).toBe(4096)
  })

  it("puts the log elsewhere under the volume's own name", async () => {
    const made = await ensure({ logRoot: `${directory.path}/logs` })
    expect(made.logDirectory).toBe(`${directory.path}/logs/${made.directory.split('/').at(-1)}`)
    expect(await disk.exists(`${made.logDirectory}/log`)).toBe(true)
    expect(await ensure({ logRoot: `${directory.path}/logs` })).toEqual(made)
  })

  it('refuses another size or logical block than the volume has, naming flag and both values', async () => {
    await ensure()
    await expect(ensure({ sizeBytes: 32 * MIB })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/^--size 32MiB \(33554432 bytes\): .* 16MiB \(16777216 bytes\)/),
    })
    await expect(ensure({ logicalBlockBytes: 4096 })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/^--logical-block 4096: .* 512;/),
    })
  })

  it('makes none without a size, read-only, or of a size that is none, and leaves nothing behind', async () => {
    await expect(ensure({ sizeBytes: undefined })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(ensure({ readOnly: true })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(ensure({ sizeBytes: 1000 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^--size 1000B \(1000 bytes\): /),
    })
    expect(await disk.list(`${data}/volumes`)).toEqual([])
  })

  it('removes what an interrupted creation left', async () => {
    await makeVolume(ports, `${data}/volumes/.new-${formatUuid(randomUuid(ports.random))}`)
    expect(await catalog.find('vol1')).toBeUndefined()
    await catalog.removeUnfinished()
    expect(await disk.list(`${data}/volumes`)).toEqual([])
  })

  it('makes no second volume when an unreadable one may be the one', async () => {
    const { directory: place } = await ensure()
    writeFileSync(`${place}/super`, new Uint8Array(8192).fill(1))
    await expect(ensure()).rejects.toSatisfy(
      (error) => isBlockError(error, 'CORRUPT') && error.message.startsWith(`${place}/super`),
    )
    await expect(ensure({ name: 'vol2' })).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('refuses two volumes of one name, and a directory under another name', async () => {
    const { directory: place } = await ensure()
    const uuid = randomUuid(ports.random)
    await catalog.add(uuid, async (path) => {
      await disk.makeDirectory(path)
      for (const name of await disk.list(place)) {
        if (name === 'super' || name === 'state') {
          writeFileSync(`${path}/${name}`, readFileSync(`${place}/${name}`))
        }
      }
    })
    expect((await catalog.find('vol1'))?.directory).toBe(place)
    await disk.remove(place)
    await expect(catalog.find('vol1')).rejects.toMatchObject({ code: 'CONFLICT' })

    await disk.remove(`${data}/volumes/${formatUuid(uuid)}`)
    await ensure()
    await catalog.add(uuid, (path) => makeVolumeOf(uuid, path))
    await expect(catalog.find('vol1')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining("volume 'vol1' is there twice"),
    })
  })

  async function makeVolumeOf(uuid: Uint8Array, path: string): Promise<void> {
    const random = { ...ports.random, bytes: () => uuid, u64: () => 1n, integer: () => 0 }
    await makeVolume({ ...ports, random }, path)
  }
})
