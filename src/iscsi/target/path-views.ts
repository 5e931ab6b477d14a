/**
 * Paths as one logical unit has to see them. The master's word comes late; what this server does itself is certain: a
 * unit that has the device is active, as long as the device serves, and one that has not is not, whatever was told of it.
 */
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { AccessState, PathState, TargetPortGroup } from '../scsi/path-state.ts'

/**
 * For a unit with the device: its own group is active, and no other one is. While the device does not serve, its lease being
 * over, the own group is on its way to what nobody can tell here: hosts look for another one.
 */
export function servingView(
  path: PathState,
  groupId: number,
  device: Pick<BlockDevice, 'isServing'>,
): PathState {
  const own = (): AccessState => (device.isServing === false ? 'transitioning' : 'active-optimized')
  const groups = (): TargetPortGroup[] =>
    path.groups().map((group): TargetPortGroup => {
      if (group.id === groupId) return { ...group, state: own() }
      return isActive(group.state) ? { ...group, state: 'standby' } : group
    })
  return {
    groups,
    get state() {
      return own()
    },
    subscribe: subscriberTo(path, groups),
  }
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
