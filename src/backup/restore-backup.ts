/**
 * Restores a backup into a device, and verifies one by reading it as a restore does. The index is walked in order of blocks;
 * what is wanted of each pack is read in few requests; every block is checked before it is written.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { findManifest, infoOf, requireMarker } from './catalog.ts'
import type { Manifest } from './core/manifest.ts'
import { HASH_BYTES } from './core/records.ts'
import { BLOCKS_TOGETHER, fetchBlocks, type StoredBlock, storedBlockOf } from './fetch-blocks.ts'
import { MergedSegments } from './merged.ts'
import type { Objects } from './objects.ts'
import { PackReader } from './pack-reader.ts'
import type { FrameCodec } from './ports.ts'
import type {
  Interruptible,
  RestoreRequest,
  RestoreResult,
  RestoreTarget,
  VerifyResult,
} from './repository.ts'
import { RunCursor } from './run-cursor.ts'

const GROUPS_UNDER_WAY = 3
/** A write of the device that is one change of its own. */
const WRITE_BLOCKS = 256
/** A trim is asked for in such pieces, so that none takes long. */
const TRIM_BYTES = 1024 * 1024 * 1024
const DAMAGES_NAMED = 10

interface Group {
  readonly blocks: StoredBlock[]
  /** Ranges that read as zeros, [start, end) in blocks. */
  readonly gaps: [number, number][]
  endBlock: number
}

/** See `Repository.restore`. */
export async function restoreBackup(
  objects: Objects,
  codec: FrameCodec,
  request: RestoreRequest,
): Promise<RestoreResult> {
  await requireMarker(objects)
  const manifest = await findManifest(objects, request.backup)
  const { target } = request
  checkTarget(manifest, target)
  const reader = new PackReader({ objects, volume: manifest.volumeUuid })
  const totals = { writtenBytes: 0, sameBytes: 0 }
  const sizeBlocks = Math.floor(target.sizeBytes / BLOCK_BYTES)
  const groups = groupsOf(manifest, { reader, codec, sizeBlocks })
  await inTurn(groups, async (group) => {
    objects.checkSignal()
    const wanted = request.content === 'any' ? await differing(group.blocks, { target, codec }) : group.blocks
    const content = await fetchBlocks({ reader, codec }, wanted)
    objects.checkSignal()
    await writeBlocks(target, wanted, content)
    if (request.content === 'any') {
      for (const gap of group.gaps) await trimGap(target, gap, () => objects.checkSignal())
    }
    totals.writtenBytes += wanted.length * BLOCK_BYTES
    totals.sameBytes += (group.blocks.length - wanted.length) * BLOCK_BYTES
    request.onProgress?.({ done: group.endBlock, total: sizeBlocks, unit: 'blocks' })
  })
  await target.flush()
  return { backup: infoOf(manifest, objects.keyring.isEncrypting), ...totals, requests: objects.requests }
}

/** See `Repository.verify`. */
export async function verifyBackup(
  objects: Objects,
  codec: FrameCodec,
  request: { readonly backup: string } & Interruptible,
): Promise<VerifyResult> {
  await requireMarker(objects)
  const manifest = await findManifest(objects, request.backup)
  const reader = new PackReader({ objects, volume: manifest.volumeUuid })
  const sizeBlocks = Math.ceil(manifest.sizeBytes / BLOCK_BYTES)
  const packs = new Set<string>()
  const damages = new Map<string, string>()
  const onFault = (error: unknown): void => {
    if (!isBlockError(error, 'CORRUPT')) throw error
    damages.set(String(error.facts.object), error.message)
  }
  let verifiedBytes = 0
  const onNode = { node: ({ pack }: { pack: string }) => void packs.add(pack) }
  try {
    await inTurn(groupsOf(manifest, { reader, codec, sizeBlocks, onNode }), async (group) => {
      objects.checkSignal()
      for (const { pack } of group.blocks) packs.add(pack)
      await fetchBlocks({ reader, codec, onFault }, group.blocks)
      verifiedBytes += group.blocks.length * BLOCK_BYTES
      request.onProgress?.({ done: group.endBlock, total: sizeBlocks, unit: 'blocks' })
    })
  } catch (error) {
    // a node of the index: what is below it cannot be looked at
    onFault(error)
  }
  for (const pack of packs) {
    objects.checkSignal()
    await reader.check(pack).catch(onFault)
  }
  if (damages.size > 0) {
    const named = [...damages.values()].slice(0, DAMAGES_NAMED)
    const more = damages.size > named.length ? `; and ${damages.size - named.length} more` : ''
    throw new BlockError('CORRUPT', `backup ${manifest.id} cannot be restored: ${named.join('; ')}${more}`, {
      facts: { backup: manifest.id, object: [...damages.keys()][0]!, damaged: damages.size },
    })
  }
  return {
    backup: infoOf(manifest, objects.keyring.isEncrypting),
    verifiedBytes,
    objects: packs.size,
    requests: objects.requests,
  }
}

function checkTarget(manifest: Manifest, target: RestoreTarget): void {
  if (target.sizeBytes < manifest.sizeBytes) {
    throw new BlockError(
      'CONFLICT',
      `the backup is of ${manifest.sizeBytes} bytes, and the target has ${target.sizeBytes}`,
    )
  }
  if (target.logicalBlockBytes !== manifest.logicalBlockBytes) {
    throw new BlockError(
      'CONFLICT',
      `the backup is of a volume with logical blocks of ${manifest.logicalBlockBytes} bytes, the target has ${target.logicalBlockBytes}: what is on it would not be found`,
    )
  }
}

/** The image in pieces of bounded size, ascending. */
async function* groupsOf(
  manifest: Manifest,
  options: {
    readonly reader: PackReader
    readonly codec: FrameCodec
    readonly sizeBlocks: number
    readonly onNode?: { node(reference: { pack: string }): void }
  },
): AsyncGenerator<Group> {
  const { reader, codec, sizeBlocks, onNode } = options
  const cursors = manifest.runs.map(
    (run) => new RunCursor({ reader, codec, run, ...(onNode === undefined ? {} : { visitor: onNode }) }),
  )
  const segments = new MergedSegments(cursors.reverse())
  const empty = (): Group => ({ blocks: [], gaps: [], endBlock: 0 })
  let group = empty()
  let end = 0
  for (;;) {
    const moved = segments.advance()
    if (!(typeof moved === 'boolean' ? moved : await moved)) break
    if (segments.isHole) continue
    const { start } = segments
    if (start >= sizeBlocks)
      throw new BlockError('CORRUPT', `backup ${manifest.id} has blocks behind its end`)
    if (start > end) group.gaps.push([end, start])
    group.blocks.push(storedBlockOf(segments))
    end = start + 1
    group.endBlock = end
    if (group.blocks.length < BLOCKS_TOGETHER) continue
    yield group
    group = empty()
  }
  if (end < sizeBlocks) group.gaps.push([end, sizeBlocks])
  group.endBlock = sizeBlocks
  yield group
}

/** Some groups at a time; all have ended when it settles. */
async function inTurn(groups: AsyncGenerator<Group>, work: (group: Group) => Promise<void>): Promise<void> {
  let failure: { readonly error: unknown } | undefined
  const worker = async (): Promise<void> => {
    while (failure === undefined) {
      try {
        const next = await groups.next()
        if (next.done === true) return
        await work(next.value)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: GROUPS_UNDER_WAY }, worker))
  if (failure !== undefined) throw failure.error
}

/** Those of `blocks` that the target has otherwise. */
async function differing(
  blocks: readonly StoredBlock[],
  { target, codec }: { readonly target: RestoreTarget; readonly codec: FrameCodec },
): Promise<StoredBlock[]> {
  const data = new Uint8Array(blocks.length * BLOCK_BYTES)
  await inRuns(blocks, async (from, until) => {
    const bytes = data.subarray(from * BLOCK_BYTES, until * BLOCK_BYTES)
    await target.read(blocks[from]!.block * BLOCK_BYTES, bytes)
  })
  const hashes = await codec.hash(data)
  return blocks.filter(
    ({ hash }, i) => Buffer.compare(hash, hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)) !== 0,
  )
}

async function writeBlocks(
  target: RestoreTarget,
  blocks: readonly StoredBlock[],
  content: Uint8Array,
): Promise<void> {
  await inRuns(blocks, (from, until) =>
    target.write(
      blocks[from]!.block * BLOCK_BYTES,
      content.subarray(from * BLOCK_BYTES, until * BLOCK_BYTES),
    ),
  )
}

const RUNS_UNDER_WAY = 16

/** Calls `work` with each run of adjoining blocks, as indices [from, until), some at a time. */
async function inRuns(
  blocks: readonly StoredBlock[],
  work: (from: number, until: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < blocks.length) {
      const from = next++
      while (
        next < blocks.length &&
        next - from < WRITE_BLOCKS &&
        blocks[next]!.block === blocks[from]!.block + next - from
      ) {
        next++
      }
      await work(from, next)
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: RUNS_UNDER_WAY }, worker))
  for (const result of ended) if (result.status === 'rejected') throw result.reason
}

async function trimGap(
  target: RestoreTarget,
  [start, end]: [number, number],
  check: () => void,
): Promise<void> {
  for (let at = start * BLOCK_BYTES; at < end * BLOCK_BYTES; at += TRIM_BYTES) {
    check()
    await target.trim(at, Math.min(TRIM_BYTES, end * BLOCK_BYTES - at))
  }
}
