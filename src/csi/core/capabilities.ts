/**
 * How a volume is to be used: raw or with a file system, by whom, and what of that Basalt gives. A file system that two hosts
 * mount is damaged at the first write of either, so several nodes share it only for reading; what several write is a raw
 * block device, whose users know of each other.
 */
import type { VolumeCapability__Output } from '../../gen/csi/v1/VolumeCapability.ts'
import { CsiError } from '../server/csi-error.ts'

const MODES = {
  SINGLE_NODE_WRITER: { isShared: false, isReadOnly: false },
  SINGLE_NODE_READER_ONLY: { isShared: false, isReadOnly: true },
  MULTI_NODE_READER_ONLY: { isShared: true, isReadOnly: true },
  MULTI_NODE_SINGLE_WRITER: { isShared: true, isReadOnly: false },
  MULTI_NODE_MULTI_WRITER: { isShared: true, isReadOnly: false },
  SINGLE_NODE_SINGLE_WRITER: { isShared: false, isReadOnly: false },
  SINGLE_NODE_MULTI_WRITER: { isShared: false, isReadOnly: false },
} as const
export type AccessMode = keyof typeof MODES

export const FILE_SYSTEMS = ['ext4', 'xfs'] as const
export type FileSystem = (typeof FILE_SYSTEMS)[number]
export const DEFAULT_FILE_SYSTEM: FileSystem = 'ext4'

interface MountAccess {
  readonly kind: 'mount'
  /** As it was given; null: what the volume's context says. */
  readonly fsType: string | null
  readonly mountFlags: readonly string[]
  /** Group (a number as text) that the files are to belong to. */
  readonly mountGroup: string | null
}

export interface Capability {
  readonly access: { readonly kind: 'block' } | MountAccess
  readonly mode: AccessMode
  /** Several nodes may have it at once. */
  readonly isShared: boolean
  /** Nobody writes. */
  readonly isReadOnly: boolean
}

export const isFileSystem = (text: string): text is FileSystem => FILE_SYSTEMS.some((one) => one === text)

/** INVALID_ARGUMENT when it is not there, or says neither how nor by whom. */
export function parseCapability(capability: VolumeCapability__Output | null): Capability {
  if (capability === null) throw invalid('it is needed')
  const mode = capability.accessMode?.mode
  if (mode === undefined || !isMode(mode)) throw invalid('give an access mode')
  const { isShared, isReadOnly } = MODES[mode]
  if (capability.block != null) return { access: { kind: 'block' }, mode, isShared, isReadOnly }
  if (capability.mount == null) throw invalid('give an access type, block or mount')
  const { fsType, mountFlags, volumeMountGroup } = capability.mount
  return {
    access: {
      kind: 'mount',
      fsType: fsType === '' ? null : fsType,
      mountFlags,
      mountGroup: volumeMountGroup === '' ? null : volumeMountGroup,
    },
    mode,
    isShared,
    isReadOnly,
  }
}

/** All of a request, at least one; INVALID_ARGUMENT. */
export function parseCapabilities(capabilities: readonly VolumeCapability__Output[]): Capability[] {
  if (capabilities.length === 0)
    throw new CsiError('INVALID_ARGUMENT', 'volume_capabilities: give at least one')
  return capabilities.map((capability) => parseCapability(capability))
}

/** Why Basalt does not give it; undefined: it does. */
export function whyUnsupported({ access, mode }: Capability): string | undefined {
  if (access.kind === 'block') return undefined
  if (mode === 'MULTI_NODE_MULTI_WRITER' || mode === 'MULTI_NODE_SINGLE_WRITER') {
    return `${mode} is for raw block volumes: a file system that several nodes mount while one writes is damaged`
  }
  if (access.fsType !== null && !isFileSystem(access.fsType)) {
    return `file system type '${access.fsType.slice(0, 40)}' is not one of ${FILE_SYSTEMS.join(', ')}`
  }
  return undefined
}

/** INVALID_ARGUMENT for the first that Basalt does not give. */
export function refuseUnsupported(capabilities: readonly Capability[]): void {
  for (const capability of capabilities) {
    const why = whyUnsupported(capability)
    if (why !== undefined) throw new CsiError('INVALID_ARGUMENT', `volume_capability: ${why}`)
  }
}

const isMode = (mode: string | number): mode is AccessMode =>
  typeof mode === 'string' && Object.hasOwn(MODES, mode)

const invalid = (message: string): CsiError =>
  new CsiError('INVALID_ARGUMENT', `volume_capability: ${message}`)
