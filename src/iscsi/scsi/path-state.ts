/**
 * Asymmetric logical unit access (SPC-5, Target port group access states): which target port groups lead to the logical unit, and in
 * which state they are. The state is decided elsewhere (the volume host, and the master behind it) and
 * injected; the logical unit reports it and accepts only the commands that its own group's state allows.
 */
export const ACCESS_STATES = {
  'active-optimized': 0x0,
  'active-non-optimized': 0x1,
  standby: 0x2,
  unavailable: 0x3,
  offline: 0xe,
  transitioning: 0xf,
} as const
export type AccessState = keyof typeof ACCESS_STATES

export interface TargetPortGroup {
  /** 16 bits, the TARGET PORT GROUP field. */
  readonly id: number
  readonly state: AccessState
  readonly preferred: boolean
  /** Relative target port identifiers, 1 to 65535 each. */
  readonly relativePorts: readonly number[]
}

export interface PathState {
  /** Every group that leads to the logical unit, as far as known; never empty. */
  groups(): readonly TargetPortGroup[]
  /** State of the group through which this logical unit is reached here. Asked for each command. */
  readonly state: AccessState
  /** Tells of any change of the above; returns the call that ends the subscription. */
  subscribe(listener: () => void): () => void
}

/**
 * One active/optimized group: a volume that is served in one place, by ports that are all as good as each other.
 * `relativePorts` is asked each time, for portals may come after the volume.
 */
export function singlePath(options: { groupId: number; relativePorts: () => readonly number[] }): PathState {
  const { groupId: id, relativePorts } = options
  return {
    groups: () => [{ id, state: 'active-optimized', preferred: false, relativePorts: relativePorts() }],
    state: 'active-optimized',
    subscribe: () => () => undefined,
  }
}
