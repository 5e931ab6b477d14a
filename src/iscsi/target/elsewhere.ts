/**
 * Targets that this process does not serve: where an initiator finds them, and who may know. The table is filled by
 * whoever is told of the cluster's volumes; logins and discovery ask it. What it does not know is unknown only once it
 * is whole: before, names of the cluster are answered as unavailable, and the initiator comes again.
 */
import type { AccessRules } from '../../frontend/access.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { TargetVerdict } from '../login/directory.ts'
import { tagsOf } from './volume-path-state.ts'

/** A portal as discovery tells it. */
export interface TargetAddress {
  /** `HOST:PORT`, an IPv6 host in brackets. */
  readonly address: string
  /** Portal group tag. */
  readonly tag: number
}

export interface ElsewhereTarget {
  /** iSCSI name in lower case. */
  readonly iqn: string
  /** Who may see it; others are refused before they are told where it is. Authentication happens where it is. */
  readonly initiators: AccessRules['initiators']
  /** `HOST:PORT` that logins are sent to (status 0101); undefined: nobody takes them now (0301). */
  readonly address: string | undefined
  /** What discovery lists; undefined: the portals at which was asked, which answer by redirecting. */
  readonly portals: readonly TargetAddress[] | undefined
}

/** Asked for what is not served here. */
export interface Elsewhere {
  find(iqn: string): Exclude<TargetVerdict, { kind: 'here' }>
  /** For discovery. Those that are served here too are left out by who asks. */
  targets(): Iterable<ElsewhereTarget>
}

/** What the paths of a volume mean to a server that has none of them, or that is not served by it on its only one. */
export function elsewhereOf(
  paths: VolumePaths,
  options: { readonly iqn: string; readonly initiators: AccessRules['initiators'] },
): ElsewhereTarget {
  const usable = paths.paths.filter(({ iscsi, role }) => iscsi.length > 0 && role !== 'unavailable')
  const active = usable.find(({ role }) => role === 'active')
  const goal = active ?? (paths.isMultipath ? usable[0] : undefined)
  return {
    ...options,
    address: goal?.iscsi[0],
    portals: paths.isMultipath ? paths.paths.flatMap(tagsOf) : undefined,
  }
}

export class ElsewhereTable implements Elsewhere {
  readonly #prefix: string
  readonly #targets = new Map<string, ElsewhereTarget>()
  #isWhole = false

  /** `prefix`: what the names of the cluster's targets begin with, in any case. */
  constructor(options: { readonly prefix: string }) {
    this.#prefix = options.prefix.toLowerCase()
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Whether everything is known, so that other names are unknown. */
  setWhole(isWhole = true): void {
    this.#isWhole = isWhole
  }

  /** Nothing is known any more: a new table is to come. */
  clear(): void {
    this.#targets.clear()
    this.#isWhole = false
  }

  set(target: ElsewhereTarget): void {
    this.#targets.set(target.iqn, target)
  }

  delete(iqn: string): void {
    this.#targets.delete(iqn)
  }

  find(iqn: string): Exclude<TargetVerdict, { kind: 'here' }> {
    const target = this.#targets.get(iqn)
    if (target === undefined) {
      return { kind: this.#isWhole || !iqn.startsWith(this.#prefix) ? 'unknown' : 'unavailable' }
    }
    const { address, initiators } = target
    return address === undefined
      ? { kind: 'unavailable', initiators }
      : { kind: 'moved', address, initiators }
  }

  targets(): Iterable<ElsewhereTarget> {
    return this.#targets.values()
  }
}
