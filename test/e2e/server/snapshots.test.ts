/** Snapshots, clones and backups of block servers that are processes, under a master that does what the test says. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BLOCK_BYTES, MIB } from '../../../src/base/units.ts'
import type { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import { parseSense } from '../../../src/iscsi/initiator/sense.ts'
import { type RepositorySpec, type TaskSpec, taskResultOf } from '../../../src/rpc/tasks.ts'
import type { ServerReadyLine } from '../../../src/server/block-server.ts'
import { patternAt, send } from '../target/support/host.ts'
import { ScriptedCluster, snapshotOf, volumeOf } from './scripted-cluster.ts'

const PER_BLOCK = BLOCK_BYTES / 512
const BLOCKS = (16 * MIB) / BLOCK_BYTES

let cluster: ScriptedCluster
beforeEach(async () => {
  cluster = await ScriptedCluster.open()
})
afterEach(() => cluster.close())

const write = (disk: BlockClient, block: number, seed: number): Promise<void> =>
  disk.write(block * PER_BLOCK, PER_BLOCK, patternAt(seed, BLOCK_BYTES))
async function read(disk: BlockClient, block: number): Promise<Uint8Array> {
  const target = new Uint8Array(BLOCK_BYTES)
  await disk.read(block * PER_BLOCK, PER_BLOCK, target)
  return target
}
async function readAll(disk: BlockClient): Promise<Buffer> {
  const all = Buffer.alloc(16 * MIB)
  for (let at = 0; at < all.byteLength; at += MIB) {
    await disk.read(at / 512, MIB / 512, all.subarray(at, at + MIB))
  }
  return all
}

describe('snapshots of a volume that is led', () => {
  let s1: ServerReadyLine
  let s2: ServerReadyLine

  it('are taken, told, restored, shown to hosts and deleted, over a failover', async () => {
    const [first, second] = [await cluster.start('s1'), await cluster.start('s2')]
    ;[s1, s2] = [first.ready, second.ready]
    const { master } = cluster
    await cluster.make(1, [s1, s2])
    const { session, disk } = await cluster.login(s1, 1)
    await write(disk, 5, 1)
    const made = await cluster.snapshot(s1, 1, 7)
    expect(made).toMatchObject({ id: snapshotOf(7), name: 's7', sizeBytes: 16 * MIB })
    expect(await cluster.snapshot(s1, 1, 7), 'the same again').toEqual(made)
    const led = { volume: volumeOf(1), epoch: 1 }
    const other = { ...led, id: snapshotOf(8), name: 's7' }
    await expect(master.links.createSnapshot(s1.server, other)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(cluster.snapshot(s1, 1, 8, 2)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(cluster.snapshot(s2, 1, 8)).rejects.toMatchObject({ code: 'CONFLICT' })
    const told = await master.until(
      () => cluster.led(s1.server, 1)?.snapshots.length === 1 && cluster.led(s1.server, 1),
    )
    expect(told).toMatchObject({ epoch: 1, snapshots: [{ ...made, isExposed: false }], origin: null })
    await write(disk, 5, 2)

    const id = snapshotOf(7)
    await master.links.exposeSnapshot(s1.server, { ...led, id, isExposed: true })
    await master.links.exposeSnapshot(s1.server, { ...led, id, isExposed: true })
    await master.until(() => cluster.led(s1.server, 1)?.snapshots[0]?.isExposed)
    const shown = await cluster.login(s1, 1, 's7')
    expect(await read(shown.disk, 5)).toEqual(patternAt(1, BLOCK_BYTES))
    await expect(write(shown.disk, 5, 3)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(master.links.deleteSnapshot(s1.server, { ...led, id })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect(await read(disk, 5)).toEqual(patternAt(2, BLOCK_BYTES))

    const request = '22222222-2222-4333-8444-000000000001'
    const restore = { ...led, id, request, force: false }
    await expect(master.links.restoreSnapshot(s1.server, restore)).rejects.toMatchObject({ code: 'IN_USE' })
    expect(await read(disk, 5), 'nothing was done').toEqual(patternAt(2, BLOCK_BYTES))
    await master.links.restoreSnapshot(s1.server, { ...restore, force: true })
    const changed = await session.execute({ cdb: new Uint8Array(6) })
    expect(parseSense(changed.sense), 'the medium may have changed').toMatchObject({
      key: 6,
      asc: 0x28,
      ascq: 0,
    })
    expect(await read(disk, 5)).toEqual(patternAt(1, BLOCK_BYTES))
    await write(disk, 5, 4)
    await master.links.restoreSnapshot(s1.server, restore)
    expect(await read(disk, 5), 'it is not restored twice').toEqual(patternAt(4, BLOCK_BYTES))
    expect((await send(session, '35 00 00000000 00 0000 00')).status).toBe(0)

    await first.child.kill()
    await Promise.all([session.closed, shown.session.closed])
    // the one that is left has all of it
    await cluster.promote(1, [s2], 2)
    const again = { volume: volumeOf(1), epoch: 2 }
    const usage = await master.links.snapshotUsage(s2.server, again)
    expect(usage.snapshots).toMatchObject([{ ...made, isExposed: false }])
    await master.links.exposeSnapshot(s2.server, { ...again, id, isExposed: true })
    const moved = await cluster.login(s2, 1, 's7')
    expect(await read(moved.disk, 5)).toEqual(patternAt(1, BLOCK_BYTES))
    await moved.session.logout()
    const served = await cluster.login(s2, 1)
    expect(await read(served.disk, 5)).toEqual(patternAt(4, BLOCK_BYTES))
    await served.session.logout()
    await master.links.deleteSnapshot(s2.server, { ...again, id })
    await master.links.deleteSnapshot(s2.server, { ...again, id })
    await master.until(() => cluster.led(s2.server, 1)?.snapshots.length === 0)
    await expect(cluster.login(s2, 1, 's7')).rejects.toMatchObject({ code: 'BUSY' })
  })

  it('of several volumes are of one moment while writes are held', async () => {
    const { ready } = await cluster.start('s1')
    for (const n of [1, 2]) await cluster.make(n, [ready])
    const { links } = cluster.master
    const hosts = [await cluster.login(ready, 1), await cluster.login(ready, 2)]
    // each write begins when the one before, on the other volume, was answered
    let written = 0
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        await write(hosts[written % 2]!.disk, 0, written)
        written++
      }
    })()
    while (written < 20) await new Promise<void>((resolve) => setImmediate(resolve))
    const holds = await Promise.all(
      [1, 2].map((n) => links.holdWrites(ready.server, { volume: volumeOf(n), epoch: 1, holdMs: 3000 })),
    )
    const before = written
    for (const n of [1, 2]) await cluster.snapshot(ready, n, 1)
    expect(written - before).toBeLessThanOrEqual(1)
    for (const [i, { hold }] of holds.entries()) {
      const { wasHeld } = await links.releaseWrites(ready.server, { volume: volumeOf(i + 1), epoch: 1, hold })
      expect(wasHeld).toBe(true)
    }
    while (written < before + 20) await new Promise<void>((resolve) => setImmediate(resolve))
    isOver = true
    await writing
    const seen: number[] = []
    for (const n of [1, 2]) {
      const id = snapshotOf(1)
      await links.exposeSnapshot(ready.server, { volume: volumeOf(n), epoch: 1, id, isExposed: true })
      const content = Buffer.from(await read((await cluster.login(ready, n, 's1')).disk, 0))
      seen.push(
        Array.from({ length: written }, (_, i) => i).findIndex((i) =>
          content.equals(patternAt(i, BLOCK_BYTES)),
        ),
      )
    }
    const scrub = await cluster.task(ready, { kind: 'scrub', repair: true }, 1)
    expect(scrub, scrub.message ?? '').toMatchObject({ state: 'succeeded' })
    expect(taskResultOf('scrub', scrub.result)).toMatchObject({ errors: 0, repaired: 0, found: [] })
    await cluster.master.until(() => cluster.led(ready.server, 1)?.scrub?.errors === 0)
    // neighbours in the order of the writes: none is there without the one before it
    expect(Math.abs(seen[0]! - seen[1]!)).toBe(1)
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(before - 2)
  })
})

describe('a clone', () => {
  it('reads from its origin at another server until it is filled, and needs it no more after that', async () => {
    const [first, second] = [await cluster.start('s1'), await cluster.start('s2')]
    const [s1, s2] = [first.ready, second.ready]
    const { links } = cluster.master
    await cluster.make(1, [s1])
    const origin = await cluster.login(s1, 1)
    for (let block = 0; block < BLOCKS; block += 5) await write(origin.disk, block, block)
    await cluster.snapshot(s1, 1, 1)
    const image = await readAll(origin.disk)
    await write(origin.disk, 0, 99_999)

    await cluster.make(2, [s2])
    const led = { volume: volumeOf(2), epoch: 1 }
    const from = { volume: volumeOf(1), snapshot: snapshotOf(1), sizeBytes: 16 * MIB }
    await links.setOrigin(s2.server, { ...led, origin: from })
    await links.setOrigin(s2.server, { ...led, origin: from })
    const other = { ...from, snapshot: snapshotOf(2) }
    await expect(links.setOrigin(s2.server, { ...led, origin: other })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    const clone = await cluster.login(s2, 2)
    await expect(read(clone.disk, 5), 'nobody has said where the origin is').rejects.toMatchObject({
      code: 'BUSY',
    })
    await write(clone.disk, 10, 77_777)
    await expect(cluster.snapshot(s2, 2, 5)).rejects.toMatchObject({ code: 'CONFLICT' })

    const source = { volume: volumeOf(1), epoch: 1, snapshot: snapshotOf(1), reader: null }
    const { ticket } = await links.openImage(s1.server, source)
    const hydrate: TaskSpec = { kind: 'hydrate', origin: { address: s1.grpc!, ticket } }
    const filled = await cluster.task(s2, hydrate, 2)
    expect(filled).toMatchObject({ state: 'succeeded', code: null })
    patternAt(77_777, BLOCK_BYTES).forEach((byte, i) => {
      image[10 * BLOCK_BYTES + i] = byte
    })
    expect(Buffer.compare(await readAll(clone.disk), image)).toBe(0)
    await cluster.master.until(() => cluster.led(s2.server, 2)?.origin === null)
    // its ticket is given back, that of a clone that was deleted before it read ends, and nothing keeps the snapshot
    await links.openImage(s1.server, source)
    await links.deleteSnapshot(s1.server, { volume: volumeOf(1), epoch: 1, id: snapshotOf(1) })
    await first.child.kill()
    expect(Buffer.compare(await readAll(clone.disk), image)).toBe(0)
    expect((await cluster.task(s2, hydrate, 2)).state, 'filled already').toBe('succeeded')
    await cluster.snapshot(s2, 2, 5)
  })
})

describe('backups', () => {
  it('are made, proved, listed, restored into another volume, and deleted', async () => {
    const { ready } = await cluster.start('s1')
    for (const n of [1, 2]) await cluster.make(n, [ready])
    const path = join(cluster.directory.path, 'backups')
    mkdirSync(path)
    const repository = { kind: 'directory', path, encryption: { keyHex: '5a'.repeat(32) } } as const
    const host = await cluster.login(ready, 1)
    for (let block = 0; block < BLOCKS; block += 3) await write(host.disk, block, block)
    const back = async (id: number) => {
      await cluster.snapshot(ready, 1, id)
      const spec = {
        kind: 'backup',
        repository,
        snapshot: snapshotOf(id),
        name: 'vol1',
        full: false,
      } as const
      const view = await cluster.task(ready, spec, 1)
      expect(view, view.message ?? '').toMatchObject({ state: 'succeeded' })
      return taskResultOf('backup', view.result).backup
    }
    expect((await cluster.task(ready, { kind: 'checkRepository', repository }, null)).state).toBe('succeeded')
    const nowhere: RepositorySpec = {
      ...{
        kind: 's3',
        endpoint: 'http://127.0.0.1:9',
        region: 'r',
        bucket: 'b',
        prefix: '',
        sessionToken: null,
      },
      ...{ accessKeyId: 'a', secretAccessKey: 'b', forcePathStyle: true, encryption: null },
    }
    const unheard = await cluster.task(ready, { kind: 'checkRepository', repository: nowhere }, null)
    expect(unheard).toMatchObject({ state: 'failed', code: 'DISCONNECTED' })
    expect(unheard.message).toMatch(/ECONNREFUSED/)
    const full = await back(1)
    expect(full).toMatchObject({
      kind: 'full',
      volumeUuid: volumeOf(1),
      snapshotName: 's1',
      isEncrypted: true,
    })
    for (let block = 0; block < 10; block++) await write(host.disk, block * 7, 500_000 + block)
    const image = await readAll(host.disk)
    const increment = await back(2)
    expect(increment).toMatchObject({ kind: 'incremental', base: full.id, changedBytes: 10 * BLOCK_BYTES })
    await write(host.disk, 0, 1)

    const listed = await cluster.task(
      ready,
      { kind: 'listBackups', repository, volume: volumeOf(1), backup: null, after: null, limit: 1 },
      null,
    )
    expect(taskResultOf('listBackups', listed.result)).toMatchObject({
      backups: [{ id: increment.id, lsn: increment.lsn }],
      next: increment.id,
    })
    const verify: TaskSpec = { kind: 'verifyBackup', repository, backup: increment.id }
    expect((await cluster.task(ready, verify, null)).state).toBe('succeeded')
    const target = await cluster.login(ready, 2)
    await write(target.disk, 1, 3)
    const restore: TaskSpec = { kind: 'restoreBackup', repository, backup: increment.id }
    expect((await cluster.task(ready, restore, 2)).state).toBe('succeeded')
    expect(Buffer.compare(await readAll(target.disk), image)).toBe(0)

    const wrong = { ...repository, encryption: { keyHex: '00'.repeat(32) } }
    const refused = await cluster.task(ready, { ...verify, repository: wrong }, null)
    expect(refused).toMatchObject({ state: 'failed', code: 'ACCESS_DENIED' })
    const largest = largestFile(path)
    const bytes = readFileSync(largest)
    bytes[bytes.length >> 1]! ^= 0x10
    writeFileSync(largest, bytes)
    const damaged = await cluster.task(ready, verify, null)
    expect(damaged).toMatchObject({ state: 'failed', code: 'CORRUPT' })
    // what the volume has already is not fetched
    for (let at = 0; at < 16; at++) await target.disk.write((at * MIB) / 512, MIB / 512, new Uint8Array(MIB))
    expect(await cluster.task(ready, restore, 2)).toMatchObject({ state: 'failed', code: 'CORRUPT' })
    const gone: TaskSpec = { kind: 'deleteBackup', repository, backup: full.id }
    expect((await cluster.task(ready, gone, null)).state).toBe('succeeded')
    const one: TaskSpec = {
      kind: 'listBackups',
      repository,
      volume: null,
      backup: full.id,
      after: null,
      limit: 1,
    }
    expect(await cluster.task(ready, one, null)).toMatchObject({ state: 'failed', code: 'NOT_FOUND' })
  })
})

function largestFile(path: string): string {
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return files.sort((a, b) => statSync(b).size - statSync(a).size)[0]!
}
