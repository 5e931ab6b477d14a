/** Parameters as the master takes them, and held against a volume that is there. */
import type { VolumeParameters } from '../core/parameters.ts'
import type { PolicyWish, ResolvedPolicy } from './master-port.ts'

export const wishOf = (parameters: VolumeParameters): PolicyWish => {
  const { transport: _, fsType: __, ...wish } = parameters
  return wish
}

/** The keys by which people know what may differ. Limits are changed while a volume lives, and are not compared. */
const KEYS = [
  ['preset', 'preset'],
  ['replicaFactor', 'replicas'],
  ['durability', 'durability'],
  ['diskType', 'diskType'],
  ['logicalBlockBytes', 'logicalBlockSize'],
  ['isMultipath', 'multipath'],
] as const satisfies readonly (readonly [keyof ResolvedPolicy, string])[]

/** Keys of the parameters in which `there` is not as `wanted`. A volume that is made of another has that one's blocks. */
export const differing = (
  wanted: ResolvedPolicy,
  there: ResolvedPolicy,
  { isDerived }: { readonly isDerived: boolean },
): string[] =>
  KEYS.filter(([field]) => !(isDerived && field === 'logicalBlockBytes'))
    .filter(([field]) => wanted[field] !== there[field])
    .map(([, key]) => key)
