/** One raw image as one object, and its manifest beside it, which is written last. For taking a volume elsewhere. */
import { createHash, type Hash } from 'node:crypto'
import { isZero } from '../base/binary.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { VolumeImage } from '../base/ports/image.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { decodeText, encodeText } from './core/bytes.ts'
import { exportDataName, exportManifestName, isExportName } from './core/names.ts'
import { corrupt, type Objects, unknownFormat } from './objects.ts'
import type { ExportManifest, ExportRequest, ImportRequest, RestoreTarget } from './repository.ts'

const PIECE_BYTES = 1024 * 1024
const READ_BYTES = 8 * PIECE_BYTES
const TRIM_BYTES = 1024 * PIECE_BYTES

/** See `Repository.exportImage`. */
export async function exportImage(
  objects: Objects,
  {
    image,
    name,
    volumeName,
    toolVersion,
    createdAt,
    onProgress,
  }: ExportRequest & { readonly createdAt: string },
): Promise<ExportManifest> {
  checkName(name)
  const manifestObject = exportManifestName(name)
  if (await isThere(objects, manifestObject)) {
    throw new BlockError('CONFLICT', `there is an exported image ${name} already: object ${manifestObject}`, {
      facts: { object: manifestObject },
    })
  }
  const dataObject = exportDataName(name)
  const hash = createHash('sha256')
  const { sizeBytes } = image
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      objects.checkSignal()
      const piece = new Uint8Array(Math.min(PIECE_BYTES, sizeBytes - at))
      await readImage(image, at / BLOCK_BYTES, piece)
      hash.update(piece)
      yield piece
      onProgress?.({ done: at + piece.byteLength, total: sizeBytes, unit: 'bytes' })
    }
  }
  await objects.putStream(dataObject, sizeBytes, pieces())
  const stored = await objects.head(dataObject)
  if (stored.sizeBytes !== sizeBytes) {
    throw corrupt(dataObject, `it was stored with ${sizeBytes} bytes, and has ${stored.sizeBytes}`)
  }
  const manifest: ExportManifest = {
    format_version: 1,
    source_volume: volumeName,
    source_size_bytes: sizeBytes,
    source_block_size: image.logicalBlockBytes,
    storage_profile: 'single',
    created_at: createdAt,
    artifact_layout: 'single-file',
    data_object_key: dataObject,
    data_size_bytes: sizeBytes,
    sha256: hash.digest('hex'),
    compression: 'none',
    export_tool_version: toolVersion,
    base_lsn: image.identity.lsn,
  }
  await objects.put(manifestObject, encodeText(`${JSON.stringify(manifest, null, 2)}\n`))
  return manifest
}

/** See `Repository.importImage`. */
export async function importImage(
  objects: Objects,
  { name, target, content, onProgress }: ImportRequest,
): Promise<ExportManifest> {
  checkName(name)
  const manifest = await readExportManifest(objects, exportManifestName(name))
  checkTarget(manifest, target)
  const object = manifest.data_object_key
  const sizeBytes = manifest.data_size_bytes
  const hash = createHash('sha256')
  // one read ahead of the one that is being written
  let ahead = sizeBytes > 0 ? objects.get(object, 0, READ_BYTES) : undefined
  for (let at = 0; ahead !== undefined; ) {
    const bytes = await ahead
    const next = at + READ_BYTES
    ahead = next < sizeBytes ? objects.get(object, next, READ_BYTES) : undefined
    ahead?.catch(() => undefined)
    if (bytes.byteLength !== Math.min(READ_BYTES, sizeBytes - at)) throw corrupt(object, 'it is cut short')
    await writePieces(target, at, bytes, { hash, withTrims: content === 'any' })
    onProgress?.({ done: Math.min(next, sizeBytes), total: sizeBytes, unit: 'bytes' })
    at = next
  }
  if (hash.digest('hex') !== manifest.sha256)
    throw corrupt(object, 'it does not have the digest of its manifest')
  if (content === 'any') {
    for (let at = sizeBytes; at < target.sizeBytes; at += TRIM_BYTES) {
      await target.trim(at, Math.min(TRIM_BYTES, target.sizeBytes - at))
    }
  }
  await target.flush()
  return manifest
}

async function writePieces(
  target: RestoreTarget,
  offsetBytes: number,
  bytes: Uint8Array,
  { hash, withTrims }: { readonly hash: Hash; readonly withTrims: boolean },
): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    hash.update(piece)
    if (!isZero(piece)) await target.write(offsetBytes + at, piece)
    else if (withTrims) await target.trim(offsetBytes + at, piece.byteLength)
  }
}

function checkName(name: string): void {
  if (isExportName(name)) return
  throw new BlockError(
    'INVALID_ARGUMENT',
    `'${name}' cannot name an image: letters, digits, '.', '_' and '-'`,
  )
}

function checkTarget(manifest: ExportManifest, target: RestoreTarget): void {
  const { source_block_size: blockBytes, data_size_bytes: sizeBytes } = manifest
  if (target.sizeBytes < sizeBytes || target.logicalBlockBytes !== blockBytes) {
    throw new BlockError(
      'CONFLICT',
      `the image has ${sizeBytes} bytes in logical blocks of ${blockBytes}, the target ${target.sizeBytes} in ${target.logicalBlockBytes}`,
    )
  }
}

async function isThere(objects: Objects, name: string): Promise<boolean> {
  try {
    await objects.head(name)
    return true
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) return false
    throw error
  }
}

/** The whole range, in pieces that the image answers; its last block may reach beyond its size. */
async function readImage(image: VolumeImage, block: number, target: Uint8Array): Promise<void> {
  const whole = Math.ceil(target.byteLength / BLOCK_BYTES) * BLOCK_BYTES
  if (whole === target.byteLength) return image.read(block, target)
  const blocks = new Uint8Array(whole)
  await image.read(block, blocks)
  target.set(blocks.subarray(0, target.byteLength))
}

async function readExportManifest(objects: Objects, name: string): Promise<ExportManifest> {
  const json = parseObject(await objects.get(name, 0, 1024 * 1024))
  if (json === undefined) throw corrupt(name, 'it is no JSON object')
  if (json.format_version !== 1) throw unknownFormat(name, json.format_version)
  if (json.artifact_layout !== 'single-file') throw unknownFormat(name, json.artifact_layout)
  if (json.compression !== 'none') throw unknownFormat(name, json.compression)
  const text = (key: string): string => {
    const value = json[key]
    if (typeof value !== 'string') throw corrupt(name, `${key} is no text`)
    return value
  }
  const count = (key: string): number => {
    const value = json[key]
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw corrupt(name, `${key} is no count`)
    }
    return value
  }
  const manifest: ExportManifest = {
    format_version: 1,
    source_volume: text('source_volume'),
    source_size_bytes: count('source_size_bytes'),
    source_block_size: count('source_block_size'),
    storage_profile: text('storage_profile'),
    created_at: text('created_at'),
    artifact_layout: 'single-file',
    data_object_key: text('data_object_key'),
    data_size_bytes: count('data_size_bytes'),
    sha256: text('sha256'),
    compression: 'none',
    export_tool_version: text('export_tool_version'),
    base_lsn: count('base_lsn'),
  }
  if (manifest.data_size_bytes !== manifest.source_size_bytes) throw corrupt(name, 'its two sizes differ')
  return manifest
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(decodeText(bytes) ?? '')
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
