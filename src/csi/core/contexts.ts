/**
 * What the controller tells the node, by way of the orchestrator: the volume's context, which never changes, and the
 * publication's, which is made for each node and wins. Both are texts by key.
 */
import { CsiError } from '../server/csi-error.ts'
import { DEFAULT_FILE_SYSTEM, type FileSystem, isFileSystem } from './capabilities.ts'

export const TRANSPORTS = ['auto', 'nvme', 'iscsi'] as const
/** `auto`: NVMe/TCP when the node has it, else iSCSI. */
export type Transport = (typeof TRANSPORTS)[number]

/** What a volume is called, for its life. Null: it is not offered over iSCSI. */
export interface VolumeNames {
  readonly name: string
  readonly iqn: string | null
  readonly nqn: string
}

/** Of a volume, for its life. */
export interface VolumeContext extends VolumeNames {
  readonly transport: Transport
  /** Of a volume that is mounted by a capability that names none. */
  readonly fsType: FileSystem
}

/** Of a volume at one node. */
export interface PublishContext {
  /** Null: the volume is not offered over iSCSI. */
  readonly iqn: string | null
  /** `host:port`, the primary's first. */
  readonly iscsiPortals: readonly string[]
  readonly nqn: string
  readonly nvmePortals: readonly string[]
  readonly transport: Transport
  /** All portals at once are paths to one device. */
  readonly isMultipath: boolean
  readonly isReadOnly: boolean
  readonly lun: number
  readonly nsid: number
}

/** What a node needs of both to reach the volume. */
export interface Attachment extends PublishContext {
  readonly fsType: FileSystem
}

type Texts = Readonly<Record<string, string>>

export const encodeVolumeNames = ({ name, iqn, nqn }: VolumeNames): Record<string, string> => ({
  name,
  ...(iqn === null ? {} : { iqn }),
  nqn,
})

export const encodeVolumeContext = (context: VolumeContext): Record<string, string> => ({
  ...encodeVolumeNames(context),
  transport: context.transport,
  fsType: context.fsType,
})

export const encodePublishContext = (context: PublishContext): Record<string, string> => ({
  ...(context.iqn === null ? {} : { iqn: context.iqn }),
  iscsiPortals: context.iscsiPortals.join(','),
  nqn: context.nqn,
  nvmePortals: context.nvmePortals.join(','),
  transport: context.transport,
  multipath: String(context.isMultipath),
  readOnly: String(context.isReadOnly),
  lun: String(context.lun),
  nsid: String(context.nsid),
})

/** What the orchestrator passed on; `publish` wins over `volume`. INVALID_ARGUMENT naming the key that is missing or odd. */
export function decodeAttachment(volume: Texts, publish: Texts): Attachment {
  const texts: Texts = { ...volume, ...publish }
  return {
    iqn: texts.iqn === undefined || texts.iqn === '' ? null : texts.iqn,
    iscsiPortals: listOf(texts, 'iscsiPortals'),
    nqn: needed(texts, 'nqn'),
    nvmePortals: listOf(texts, 'nvmePortals'),
    transport: transportOf(texts),
    isMultipath: flagOf(texts, 'multipath'),
    isReadOnly: flagOf(texts, 'readOnly'),
    lun: numberOf(texts, 'lun'),
    nsid: numberOf(texts, 'nsid'),
    fsType: fsTypeOf(texts),
  }
}

/** The transport of a volume's context; `auto` when it says nothing. INVALID_ARGUMENT for what is none. */
export function transportOf(texts: Texts): Transport {
  const text = texts.transport ?? 'auto'
  const transport = TRANSPORTS.find((one) => one === text)
  if (transport !== undefined) return transport
  throw invalid('transport', `'${text.slice(0, 40)}' is not one of ${TRANSPORTS.join(', ')}`)
}

function fsTypeOf({ fsType = DEFAULT_FILE_SYSTEM }: Texts): FileSystem {
  if (isFileSystem(fsType)) return fsType
  throw invalid('fsType', `'${fsType.slice(0, 40)}' is no file system of this driver`)
}

function needed(texts: Texts, key: string): string {
  const text = texts[key]
  if (text !== undefined && text !== '') return text
  throw invalid(key, 'it is missing; the volume is to be published by the controller first')
}

function listOf(texts: Texts, key: string): string[] {
  const text = texts[key]
  return text === undefined || text === '' ? [] : text.split(',')
}

function flagOf(texts: Texts, key: string): boolean {
  const text = texts[key] ?? 'false'
  if (text === 'true' || text === 'false') return text === 'true'
  throw invalid(key, 'it is neither true nor false')
}

function numberOf(texts: Texts, key: string): number {
  const text = needed(texts, key)
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw invalid(key, 'it is no number')
}

const invalid = (key: string, message: string): CsiError =>
  new CsiError('INVALID_ARGUMENT', `context ${key}: ${message}`)
