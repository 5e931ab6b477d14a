/**
 * Names of objects. Those of one volume share a prefix, those of one backup another below it, and what a listing must
 * tell stands in the names, so that it takes one request for a thousand objects:
 *
 *     repository                                                    the marker
 *     manifests/VOLUME/BACKUP                                       a backup
 *     uploads/VOLUME/BACKUP                                         a backup that is being made
 *     packs/VOLUME/BACKUP/FIRST-LAST-BLOCKS-ATTEMPT                 blocks
 *     packs/VOLUME/BACKUP/index-NUMBER-ATTEMPT                      pages of the index
 *     packs/VOLUME/BACKUP/FIRST-LAST-BLOCKS-ATTEMPT.GENERATION-BLOCKS-ATTEMPT    written anew with fewer blocks
 *     probes/ATTEMPT                                                is written, read and deleted to see whether that works
 *     exports/NAME.img and exports/NAME.json                        an exported image
 *
 * FIRST and LAST are the first and last block that the pack tells something of, BLOCKS how many it has data of, ATTEMPT random:
 * an upload that a process left behind can never write over one that another process goes on with. All are hexadecimal.
 * An index refers to a pack by its name below `packs/VOLUME/` without the generation.
 */
export const MARKER = 'repository'
export const MANIFESTS = 'manifests/'

export const manifestsOf = (volume: string): string => `manifests/${volume}/`
export const manifestName = (volume: string, backup: string): string => `manifests/${volume}/${backup}`
export const uploadsOf = (volume: string): string => `uploads/${volume}/`
export const uploadName = (volume: string, backup: string): string => `uploads/${volume}/${backup}`
export const packsOf = (volume: string): string => `packs/${volume}/`
export const packName = (volume: string, reference: string): string => `packs/${volume}/${reference}`
export const exportDataName = (name: string): string => `exports/${name}.img`
export const exportManifestName = (name: string): string => `exports/${name}.json`

export const probeName = (attempt: string): string => `probes/${attempt}`

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const BACKUP = '\\d{8}t\\d{6}z-[0-9a-f]{8}'

/**
 * Of the moment, UTC, and 32 random bits; of the second after that of `newest`, the volume's newest backup, where the clock
 * is not past it: ids of one volume are in the order in which its backups were begun.
 */
export function backupId(wallMs: number, random: number, newest: string | undefined): string {
  const id = `${secondOf(wallMs)}-${hex(random, 8)}`
  if (newest === undefined || id.slice(0, SECOND_CHARACTERS) > newest.slice(0, SECOND_CHARACTERS)) return id
  return `${secondOf(momentOf(newest) + 1000)}-${hex(random, 8)}`
}

/** In the form in which an id begins. */
const secondOf = (wallMs: number): string =>
  new Date(wallMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'z')
    .replace(/[-:]/g, '')
    .replace('T', 't')

const SECOND_CHARACTERS = '20260131t120000z'.length

/** Ms of the second that an id tells. */
const momentOf = (id: string): number =>
  Date.parse(id.replace(/^(....)(..)(..)t(..)(..)(..)z.*$/, '$1-$2-$3T$4:$5:$6Z'))

export const isBackupId = (text: string): boolean => new RegExp(`^${BACKUP}$`).test(text)
export const isExportName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(text)

/** Volume and backup of the name of a manifest or an upload; undefined when it is of neither. */
export function backupOfName(name: string): { volume: string; backup: string } | undefined {
  const match = new RegExp(`^(?:manifests|uploads)/(${UUID})/(${BACKUP})$`).exec(name)
  return match === null ? undefined : { volume: match[1]!, backup: match[2]! }
}

export interface PackSpan {
  readonly firstBlock: number
  readonly lastBlock: number
  /** Blocks with data. */
  readonly blocks: number
}

export const dataPackReference = (backup: string, span: PackSpan, attempt: string): string =>
  `${backup}/${hex(span.firstBlock, 9)}-${hex(span.lastBlock, 9)}-${hex(span.blocks, 5)}-${attempt}`

export const indexPackReference = (backup: string, number: number, attempt: string): string =>
  `${backup}/index-${hex(number, 6)}-${attempt}`

export interface PackOfName {
  readonly volume: string
  readonly backup: string
  readonly reference: string
  /** Null: a pack of the index. */
  readonly span: PackSpan | null
  /** 0: as it was first written. */
  readonly generation: number
  /** Of data, in this generation. */
  readonly blocks: number
}

const PACK = new RegExp(
  `^packs/(${UUID})/((${BACKUP})/(?:index-[0-9a-f]{6}|([0-9a-f]{9})-([0-9a-f]{9})-([0-9a-f]{5}))-[0-9a-f]{8})(?:\\.([0-9a-f]{4})-([0-9a-f]{5})-[0-9a-f]{8})?$`,
)

/** Undefined when it is not the name of a pack. */
export function packOfName(name: string): PackOfName | undefined {
  const match = PACK.exec(name)
  if (match === null) return undefined
  const [, volume, reference, backup, first, last, blocks, generation, blocksLeft] = match
  const span =
    first === undefined
      ? null
      : { firstBlock: number(first), lastBlock: number(last!), blocks: number(blocks!) }
  return {
    volume: volume!,
    backup: backup!,
    reference: reference!,
    span,
    generation: generation === undefined ? 0 : number(generation),
    blocks: blocksLeft === undefined ? (span?.blocks ?? 0) : number(blocksLeft),
  }
}

/** The object of a pack written anew. */
export const rewrittenName = (
  volume: string,
  reference: string,
  rewritten: { generation: number; blocks: number; attempt: string },
): string =>
  `${packName(volume, reference)}.${hex(rewritten.generation, 4)}-${hex(rewritten.blocks, 5)}-${rewritten.attempt}`

/** Eight hexadecimal digits that tell what one process wrote from what another did. */
export const attemptOf = (random: number): string => hex(random, 8)

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const number = (digits: string): number => Number.parseInt(digits, 16)
