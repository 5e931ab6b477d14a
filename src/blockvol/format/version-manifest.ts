/**
 * The manifest of a volume's preserved versions: which lists are in force, which are of versions that are given back, and how
 * many blocks of each data file are in use. In two slots (format/dual-slot.ts). docs/formats/versions.md.
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { bytes, layout, u32, u64, zero } from '../../base/layout.ts'
import type { SlotFormat } from './dual-slot.ts'

export const MANIFEST_FORMAT: SlotFormat = {
  name: 'list of versions',
  magic: 0x4d564c42, // "BLVM"
  version: 1,
  slotBytes: 64 * 1024,
}

/** A list of records, ascending by block and birth LSN, in a file of its own. */
export interface ListInfo {
  /** Names its file; never given twice to a list that was in force. */
  readonly number: number
  readonly records: number
  /** Of the records, those with a block in the data files. */
  readonly dataBlocks: number
  /** The newest of the flushes that preserved them. */
  readonly asOfLsn: number
  /** No record was born above. */
  readonly maxLsn: number
  /** Records born above are void: their history was given up. */
  readonly keptLsn: number
}

export interface Manifest {
  readonly uuid: Uint8Array
  /** Rises with every change of what follows. */
  readonly changes: number
  /** Blocks of the data files from here on are nobody's. */
  readonly nextSlot: number
  /** Greater than the number of any list that was ever in force. */
  readonly nextList: number
  /** In force. */
  readonly lists: readonly ListInfo[]
  /** Of versions whose blocks in the data files are given back; dropped when all of them are. */
  readonly freeing: readonly ListInfo[]
  /** Data files that somebody uses, by index: how many blocks of each lists in force and freeing lists name. */
  readonly usedBlocks: ReadonlyMap<number, number>
}

/** Head of the body, little-endian; items of lists, freeing lists and data files follow. */
const Head = layout('VersionManifest', 64, {
  uuid: bytes(0, 16),
  changes: u64(16),
  nextSlot: u64(24),
  nextList: u64(32),
  lists: u32(40),
  freeing: u32(44),
  files: u32(48),
  reserved: zero(52, 12),
})
const AT = Head.at

const Item = layout('VersionList', 48, {
  number: u64(0),
  records: u64(8),
  dataBlocks: u64(16),
  asOfLsn: u64(24),
  maxLsn: u64(32),
  keptLsn: u64(40),
})

const File = layout('VersionFile', 16, {
  index: u64(0),
  usedBlocks: u64(8),
})

/** Lists of either kind, and data files, that a manifest can name. */
export const LISTS_MAX = 300
export const FILES_MAX = 2048

/** NO_SPACE when there are more lists or files than a manifest can name. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { lists, freeing, usedBlocks } = manifest
  const infos = [...lists, ...freeing]
  const files = [...usedBlocks].sort(([a], [b]) => a - b)
  if (infos.length > LISTS_MAX || files.length > FILES_MAX) {
    throw new BlockError('NO_SPACE', 'there is no room for more preserved versions', {
      facts: { lists: infos.length, files: files.length },
    })
  }
  const body = new Uint8Array(
    Head.lengthBytes + infos.length * Item.lengthBytes + files.length * File.lengthBytes,
  )
  const view = viewOf(body)
  body.set(manifest.uuid, AT.uuid)
  writeU64(view, AT.changes, manifest.changes)
  writeU64(view, AT.nextSlot, manifest.nextSlot)
  writeU64(view, AT.nextList, manifest.nextList)
  view.setUint32(AT.lists, lists.length, true)
  view.setUint32(AT.freeing, freeing.length, true)
  view.setUint32(AT.files, files.length, true)
  let at = Head.lengthBytes
  for (const info of infos) {
    for (const [name, offset] of ITEM_FIELDS) writeU64(view, at + offset, info[name])
    at += Item.lengthBytes
  }
  for (const [index, used] of files) {
    writeU64(view, at + File.at.index, index)
    writeU64(view, at + File.at.usedBlocks, used)
    at += File.lengthBytes
  }
  return body
}

const ITEM_FIELDS = Object.entries(Item.at) as readonly (readonly [keyof ListInfo, number])[]

/** CORRUPT when the body makes no sense or is another volume's. */
export function decodeManifest(body: Uint8Array, uuid: Uint8Array, path: string): Manifest {
  const fail = (what: string): never => {
    throw new BlockError('CORRUPT', `${path}: ${what}`, { facts: { path } })
  }
  const isWhole = body.byteLength >= Head.lengthBytes && Head.isPaddingZero(body)
  if (!isWhole) fail('the list of versions is damaged')
  const view = viewOf(body)
  const listCount = view.getUint32(AT.lists, true)
  const freeingCount = view.getUint32(AT.freeing, true)
  const fileCount = view.getUint32(AT.files, true)
  if (listCount + freeingCount > LISTS_MAX || fileCount > FILES_MAX) fail('it names too many lists')
  const filesAt = Head.lengthBytes + (listCount + freeingCount) * Item.lengthBytes
  if (body.byteLength !== filesAt + fileCount * File.lengthBytes)
    fail('its length does not fit what it names')
  if (Buffer.compare(body.subarray(AT.uuid, AT.uuid + 16), uuid) !== 0) fail('it belongs to another volume')
  const number = (at: number): number => {
    const value = readU64(view, at)
    return value < 0 ? fail('a number is out of range') : value
  }
  const nextSlot = number(AT.nextSlot)
  const nextList = number(AT.nextList)
  const infos: ListInfo[] = []
  const numbers = new Set<number>()
  for (let at = Head.lengthBytes; at < filesAt; at += Item.lengthBytes) {
    const info: ListInfo = {
      number: number(at + Item.at.number),
      records: number(at + Item.at.records),
      dataBlocks: number(at + Item.at.dataBlocks),
      asOfLsn: number(at + Item.at.asOfLsn),
      maxLsn: number(at + Item.at.maxLsn),
      keptLsn: number(at + Item.at.keptLsn),
    }
    if (info.records === 0 || info.dataBlocks > info.records) fail('a list has no records')
    if (info.number >= nextList || numbers.has(info.number)) fail('a list is named twice')
    numbers.add(info.number)
    infos.push(info)
  }
  const usedBlocks = new Map<number, number>()
  for (let at = filesAt; at < body.byteLength; at += File.lengthBytes) {
    usedBlocks.set(number(at + File.at.index), number(at + File.at.usedBlocks))
  }
  return {
    uuid: Uint8Array.from(uuid),
    changes: number(AT.changes),
    nextSlot,
    nextList,
    lists: infos.slice(0, listCount),
    freeing: infos.slice(listCount),
    usedBlocks,
  }
}
