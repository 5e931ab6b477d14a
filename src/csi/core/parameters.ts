/**
 * Parameters of a StorageClass or VolumeAttributesClass, as texts by key. A key that nobody knows is refused: ignored, it would
 * be a promise that is not kept. What the orchestrator's own sidecars add (`csi.storage.k8s.io/…`) is theirs, but for the type
 * of the file system.
 */
import { isBlockError } from '../../base/errors.ts'
import { parseSize } from '../../base/sizes.ts'
import { CsiError } from '../server/csi-error.ts'
import { DEFAULT_FILE_SYSTEM, FILE_SYSTEMS, type FileSystem } from './capabilities.ts'
import { TRANSPORTS, type Transport } from './contexts.ts'

/** Limits; 0 is none. */
export interface QosParameters {
  readonly iops?: number
  readonly iopsBurst?: number
  readonly bytesPerSecond?: number
  readonly bytesBurst?: number
}

/** What may be changed while the volume is used. */
export interface MutableParameters {
  readonly preset?: string
  readonly qos: QosParameters
}

/** What is absent is as the preset has it. */
export interface VolumeParameters extends MutableParameters {
  readonly replicas?: number
  readonly durability?: string
  readonly diskType?: string
  readonly logicalBlockBytes?: number
  readonly isMultipath?: boolean
  readonly transport: Transport
  readonly fsType: FileSystem
}

type Texts = Readonly<Record<string, string>>
type Value = string | number | boolean

const FOREIGN_PREFIX = 'csi.storage.k8s.io/'
const FOREIGN_FS_TYPE = 'csi.storage.k8s.io/fstype'

const PRESETS = ['general', 'database', 'throughput'] as const
const MUTABLE = {
  preset: wordOf(PRESETS),
  iops: count,
  iopsBurst: count,
  bandwidth: bytes,
  bandwidthBurst: bytes,
} as const satisfies Readers
const FIXED = {
  replicas: count,
  durability: wordOf(['sync_all', 'sync_quorum', 'best_effort']),
  diskType: wordOf(['ssd', 'hdd', 'nvme']),
  logicalBlockSize: blockSize,
  multipath: flag,
  transport: wordOf(TRANSPORTS),
  fsType: wordOf(FILE_SYSTEMS),
} as const satisfies Readers

type Readers = Readonly<Record<string, (text: string, key: string) => Value>>
type Read<R extends Readers> = { readonly [K in keyof R]?: ReturnType<R[K]> }

/** Of a volume to be made; `mutable` wins over `parameters`. INVALID_ARGUMENT naming the key. */
export function parseParameters(parameters: Texts, mutable: Texts): VolumeParameters {
  const changeable = parseMutable(mutable)
  const all = read(parameters, { ...MUTABLE, ...FIXED })
  const foreign = parameters[FOREIGN_FS_TYPE]
  const fsType =
    all.fsType ?? (foreign === undefined ? DEFAULT_FILE_SYSTEM : FIXED.fsType(foreign, FOREIGN_FS_TYPE))
  const preset = changeable.preset ?? all.preset
  return {
    ...given('preset', preset),
    ...given('replicas', all.replicas),
    ...given('durability', all.durability),
    ...given('diskType', all.diskType),
    ...given('logicalBlockBytes', all.logicalBlockSize),
    ...given('isMultipath', all.multipath),
    qos: { ...qosOf(all), ...changeable.qos },
    transport: all.transport ?? 'auto',
    fsType,
  }
}

/** Of a volume that is there. INVALID_ARGUMENT naming the key, also for what cannot be changed. */
export function parseMutable(texts: Texts): MutableParameters {
  const fixed = Object.keys(texts).find((key) => Object.hasOwn(FIXED, key))
  if (fixed !== undefined) {
    throw invalid(fixed, `it cannot be changed; what can: ${Object.keys(MUTABLE).join(', ')}`)
  }
  const all = read(texts, MUTABLE)
  return { ...given('preset', all.preset), qos: qosOf(all) }
}

/** INVALID_ARGUMENT for any that is not the orchestrator's own: snapshots have no parameters. */
export function refuseParameters(texts: Texts): void {
  read(texts, {})
}

function read<R extends Readers>(texts: Texts, readers: R): Read<R> {
  const values: Record<string, Value> = {}
  for (const [key, text] of Object.entries(texts)) {
    const reader = Object.hasOwn(readers, key) ? readers[key] : undefined
    if (reader !== undefined) values[key] = reader(text, key)
    else if (!key.startsWith(FOREIGN_PREFIX)) {
      const known = Object.keys(readers)
      const hint = known.length === 0 ? 'there are none here' : `the known ones are ${known.join(', ')}`
      throw invalid(key, `unknown parameter; ${hint}`)
    }
  }
  // each value is what its reader gave
  return values as Read<R>
}

const qosOf = (all: Read<typeof MUTABLE>): QosParameters => ({
  ...given('iops', all.iops),
  ...given('iopsBurst', all.iopsBurst),
  ...given('bytesPerSecond', all.bandwidth),
  ...given('bytesBurst', all.bandwidthBurst),
})

function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  const fields: { [P in K]?: V } = {}
  if (value !== undefined) fields[name] = value
  return fields
}

function wordOf<Word extends string>(words: readonly Word[]): (text: string, key: string) => Word {
  return (text, key) => {
    const word = words.find((one) => one === text)
    if (word !== undefined) return word
    throw invalid(key, `'${shown(text)}' is not one of ${words.join(', ')}`)
  }
}

function count(text: string, key: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalid(key, `'${shown(text)}' is not a whole number`)
}

/** Bytes, as basalt takes them elsewhere; the orchestrator's Ki, Mi, Gi and Ti mean the same. */
function bytes(text: string, key: string): number {
  try {
    return parseSize(text.replace(/([KMGT]i)$/, '$1B'), key)
  } catch (error) {
    if (isBlockError(error, 'INVALID_ARGUMENT')) throw new CsiError('INVALID_ARGUMENT', error.message)
    throw error
  }
}

function blockSize(text: string, key: string): number {
  if (text === '512' || text === '4096') return Number(text)
  throw invalid(key, `'${shown(text)}' is neither 512 nor 4096`)
}

function flag(text: string, key: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw invalid(key, `'${shown(text)}' is neither true nor false`)
}

const shown = (text: string): string => text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')
const invalid = (key: string, message: string): CsiError =>
  new CsiError('INVALID_ARGUMENT', `parameter ${shown(key)}: ${message}`)
