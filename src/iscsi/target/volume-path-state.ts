/**
 * The paths of a multipath volume as its logical units report them (SPC-5, target port group access states): a group
 * for each server with a replica, its ports those of the server's portals. Fed with what the master tells; what is told
 * late of this server's own path is corrected by whoever serves here (path-views.ts).
 */
import {
  firstPortOf,
  type PathRole,
  PORTALS_MAX,
  portGroupOf,
  type VolumePath,
  type VolumePaths,
} from '../../frontend/paths.ts'
import type { AccessState, PathState, TargetPortGroup } from '../scsi/path-state.ts'
import type { TargetAddress } from './elsewhere.ts'

const STATES = {
  active: 'active-optimized',
  standby: 'standby',
  transitioning: 'transitioning',
  unavailable: 'unavailable',
} as const satisfies Record<PathRole, AccessState>

/** The portals of one path with their portal group tags, which are their relative target ports too. */
export const tagsOf = ({ slot, iscsi }: VolumePath): TargetAddress[] =>
  iscsi.slice(0, PORTALS_MAX).map((address, index) => ({ address, tag: firstPortOf(slot) + index }))

export class VolumePathState implements PathState {
  readonly #server: string
  readonly #listeners = new Set<() => void>()
  #paths: readonly VolumePath[]
  #groups: readonly TargetPortGroup[]
  #state: AccessState

  /** `server`: id of this server, which has one of the paths. */
  constructor(server: string, paths: Pick<VolumePaths, 'paths'>) {
    this.#server = server
    this.#paths = paths.paths
    this.#groups = paths.paths.map(groupOf)
    this.#state = this.#ownState()
  }

  /** Of this server's path as it was told; 'unavailable' when it was not among them. */
  get state(): AccessState {
    return this.#state
  }

  groups(): readonly TargetPortGroup[] {
    return this.#groups
  }

  /** Portals of the other servers' paths, for discovery. */
  otherPortals(): readonly TargetAddress[] {
    return this.#paths.filter(({ server }) => server !== this.#server).flatMap(tagsOf)
  }

  /** What is told now; listeners hear of it when it is something else. */
  update(paths: Pick<VolumePaths, 'paths'>): void {
    this.#paths = paths.paths
    const groups = paths.paths.map(groupOf)
    const isSame = JSON.stringify(groups) === JSON.stringify(this.#groups)
    this.#groups = groups
    this.#state = this.#ownState()
    if (isSame) return
    for (const listener of [...this.#listeners]) listener()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #ownState(): AccessState {
    const own = this.#paths.find(({ server }) => server === this.#server)
    return own === undefined ? 'unavailable' : STATES[own.role]
  }
}

const groupOf = (path: VolumePath): TargetPortGroup => ({
  id: portGroupOf(path.slot),
  state: STATES[path.role],
  preferred: false,
  relativePorts: tagsOf(path).map(({ tag }) => tag),
})
