/**
 * Paths as one logical unit has to see them. The master's word comes late; what this server does itself is certain: a
 * unit that has the device is active, and one that has not is not, whatever was told of it.
 */
import type { AccessState, PathState, TargetPortGroup } from '../scsi/path-state.ts'

/** For a unit that serves: its own group is active, and no other one is. */
export function servingView(path: PathState, groupId: number): PathState {
  const groups = (): TargetPortGroup[] =>
    path.groups().map((group): TargetPortGroup => {
      if (group.id === groupId) return { ...group, state: 'active-optimized' }
      return isActive(group.state) ? { ...group, state: 'standby' } : group
    })
  return { groups, state: 'active-optimized', subscribe: subscriberTo(path, groups) }
}

/** For a unit without a device: its own group is never active; where it was told to be, it is on the way there. */
export function standbyView(path: PathState, groupId: number): PathState {
  const own = (state: AccessState): AccessState => (isActive(state) ? 'transitioning' : state)
  const groups = (): TargetPortGroup[] =>
    path.groups().map((group) => (group.id === groupId ? { ...group, state: own(group.state) } : group))
  return {
    groups,
    get state() {
      return own(path.state)
    },
    subscribe: subscriberTo(path, groups),
  }
}

const isActive = (state: AccessState): boolean =>
  state === 'active-optimized' || state === 'active-non-optimized'

/** Listeners hear of what changes in the view only. */
function subscriberTo(path: PathState, groups: () => TargetPortGroup[]): PathState['subscribe'] {
  return (listener) => {
    let told = JSON.stringify(groups())
    return path.subscribe(() => {
      const now = JSON.stringify(groups())
      if (now === told) return
      told = now
      listener()
    })
  }
}
