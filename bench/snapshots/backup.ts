/**
 * A backup of a snapshot to a directory and its restore into an empty volume, against a plain copy of a file of the same
 * content on the same disk: read, written and synced, in one process. The content does not compress, which is the most
 * work for a backup. Rounds alternate.
 */
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openRepository } from '../../src/backup/io/open-repository.ts'
import type { Repository } from '../../src/backup/repository.ts'
import { BLOCK_BYTES, MIB } from '../../src/base/units.ts'
import type { Volume } from '../../src/blockvol/volume.ts'
import type { Workbench } from '../engine/workbench.ts'
import { type Say, type Spread, shown, spread } from './figures.ts'

const SIZE_BYTES = 256 * MIB
const CHANGED_SHARE = 0.01
const VOLUME_NAME = 'bench'

export interface BackupResult {
  readonly sizeBytes: number
  /** MiB a second. */
  readonly copy: Spread
  readonly backup: Spread
  readonly restore: Spread
  readonly verify: Spread
  /** Of the copy of the same round. */
  readonly backupRatio: Spread
  readonly restoreRatio: Spread
  readonly increment: {
    readonly changedBytes: number
    readonly sentBytes: number
    readonly requests: number
    readonly seconds: number
  }
}

export async function measureBackup(
  bench: Workbench,
  { rounds, say }: { rounds: number; say: Say },
): Promise<BackupResult> {
  const { volume } = await bench.volume({ sizeBytes: SIZE_BYTES })
  const path = join(bench.directory, 'plain')
  await fill(volume, path)
  await volume.createSnapshot({ id: 1n, name: 'first' })
  const figures = { copy: [], backup: [], verify: [], restore: [] } as Record<
    'copy' | 'backup' | 'verify' | 'restore',
    number[]
  >
  for (let round = 0; round < rounds; round++) {
    figures.copy.push(rate(await timed(async () => copyFile(path, `${path}-copy`))))
    const place = join(bench.directory, `repository-${round}`)
    const repository = repositoryAt(bench, place)
    const { seconds, id } = await backUp(repository, volume, 1n)
    figures.backup.push(rate(seconds))
    figures.verify.push(rate(await timed(() => repository.verify({ backup: id }))))
    const { volume: target, directory } = await bench.volume({ sizeBytes: SIZE_BYTES })
    figures.restore.push(
      rate(await timed(() => repository.restore({ backup: id, target, content: 'blank' }))),
    )
    if (round === 0) await same(volume, target)
    await target.close()
    rmSync(directory, { recursive: true })
    await repository.close()
    if (round < rounds - 1) rmSync(place, { recursive: true })
  }
  const increment = await incrementAfterChanges(bench, volume, `repository-${rounds - 1}`)
  await volume.close()
  const against = (all: readonly number[]): Spread =>
    spread(all.map((value, round) => value / (figures.copy[round] ?? Number.NaN)))
  const result = {
    sizeBytes: SIZE_BYTES,
    copy: spread(figures.copy),
    backup: spread(figures.backup),
    verify: spread(figures.verify),
    restore: spread(figures.restore),
    backupRatio: against(figures.backup),
    restoreRatio: against(figures.restore),
    increment,
  }
  say(`${SIZE_BYTES / MIB} MiB that do not compress, in MiB a second`)
  say(`  copy of a file   ${shown(result.copy)}`)
  say(`  full backup      ${shown(result.backup)}, ${shown(result.backupRatio, 2)}x of the copy`)
  say(`  verification     ${shown(result.verify)}`)
  say(`  restore          ${shown(result.restore)}, ${shown(result.restoreRatio, 2)}x of the copy`)
  say(
    `  an increment of ${(increment.changedBytes / MIB).toFixed(1)} MiB, changed at random, sends ` +
      `${(increment.sentBytes / MIB).toFixed(2)} MiB in ${increment.requests} requests and ${increment.seconds.toFixed(2)} s`,
  )
  return result
}

const rate = (seconds: number): number => SIZE_BYTES / MIB / seconds

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now()
  await work()
  return (performance.now() - beganMs) / 1000
}

const repositoryAt = (bench: Workbench, path: string): Repository =>
  openRepository({ kind: 'directory', path, encryption: null }, bench.ports)

async function backUp(
  repository: Repository,
  volume: Volume,
  snapshot: bigint,
): Promise<{ seconds: number; id: string; sentBytes: number; requests: number; changedBytes: number }> {
  const image = await volume.openSnapshot(snapshot)
  try {
    const beganMs = performance.now()
    const { backup, sentBytes, requests } = await repository.backup({
      ...{ image, volumeName: VOLUME_NAME, base: { kind: 'auto' } },
    })
    const seconds = (performance.now() - beganMs) / 1000
    return { seconds, id: backup.id, sentBytes, requests, changedBytes: backup.changedBytes }
  } finally {
    await image.close()
  }
}

async function incrementAfterChanges(
  bench: Workbench,
  volume: Volume,
  name: string,
): Promise<BackupResult['increment']> {
  const blocks = SIZE_BYTES / BLOCK_BYTES
  for (let i = 0; i < blocks * CHANGED_SHARE; i++) {
    await volume.write(Math.floor(Math.random() * blocks) * BLOCK_BYTES, random(BLOCK_BYTES))
  }
  await volume.createSnapshot({ id: 2n, name: 'second' })
  const repository = repositoryAt(bench, join(bench.directory, name))
  const { sentBytes, requests, seconds, changedBytes } = await backUp(repository, volume, 2n)
  await repository.close()
  return { changedBytes, sentBytes, requests, seconds }
}

/** The same random content in the volume and in a plain file. */
async function fill(volume: Volume, path: string): Promise<void> {
  const fd = openSync(path, 'w')
  for (let at = 0; at < SIZE_BYTES; at += MIB) {
    const content = random(MIB)
    writeSync(fd, content)
    await volume.write(at, content)
  }
  fdatasyncSync(fd)
  closeSync(fd)
  await volume.checkpoint()
}

function copyFile(from: string, to: string): Promise<void> {
  const source = openSync(from, 'r')
  const target = openSync(to, 'w')
  const buffer = new Uint8Array(MIB)
  for (let count = readSync(source, buffer); count > 0; count = readSync(source, buffer)) {
    writeSync(target, buffer, 0, count)
  }
  fdatasyncSync(target)
  closeSync(source)
  closeSync(target)
  rmSync(to)
  return Promise.resolve()
}

/** Throws unless both hold the same. */
async function same(one: Volume, other: Volume): Promise<void> {
  const [first, second] = [await digest(one), await digest(other)]
  if (first !== second) throw new Error('what was restored is not what was backed up')
}

async function digest(volume: Volume): Promise<string> {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(MIB)
  for (let at = 0; at < SIZE_BYTES; at += MIB) {
    await volume.read(at, buffer)
    hash.update(buffer)
  }
  return hash.digest('hex')
}

/** At most 64 KiB at a time come from the generator. */
function random(bytes: number): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(content.subarray(at, at + 65_536))
  return content
}
