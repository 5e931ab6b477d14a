/**
 * The paths of a volume: which servers of its cluster lead to it, and in which state. The master tells every server of
 * every volume, so that a host may ask any of them; each front end turns the same facts into its protocol's terms (iSCSI
 * redirects and ALUA, the ANA states of NVMe).
 *
 * A server with a replica has a path, and on it a **slot**, recorded in the registry: what a host must never see twice
 * for one volume comes from it (relative target ports, ids of port groups, controller ids). A volume that hosts use over
 * one iSCSI path at a time presents one and the same port everywhere; its slots count for NVMe only.
 */

/**
 * `active`: hosts are served here. `standby`: here is a replica, and another server serves. `transitioning`: nobody
 * serves at this moment. `unavailable`: the server is not connected.
 */
export type PathRole = 'active' | 'standby' | 'transitioning' | 'unavailable'

export interface VolumePath {
  /** Id of the server. */
  readonly server: string
  /** 0 to 62, of this volume; given again only after its replica is gone. */
  readonly slot: number
  readonly role: PathRole
  /** Portals as initiators are told them, `HOST:PORT`, in the order of the server's. */
  readonly iscsi: readonly string[]
  readonly nvme: readonly string[]
}

/** What every server knows of a volume. */
export interface VolumePaths {
  /** UUID. */
  readonly volume: string
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  /** Hosts use several iSCSI paths at once: servers that do not serve it are standby paths instead of redirecting. */
  readonly isMultipath: boolean
  /** Names that may see it; null: whoever the server's own configuration admits. Secrets are not told here. */
  readonly initiators: readonly string[] | null
  readonly hosts: readonly string[] | null
  /** Not empty, in the order of their slots. At most one is active. */
  readonly paths: readonly VolumePath[]
}

export const SLOTS_MAX = 63
/** Of one server: more are not told to hosts of multipath volumes. */
export const PORTALS_MAX = 16
const CONTROLLERS_PER_SLOT = 1024

/** Relative target port, and portal group tag, of a server's first portal on a multipath volume; the next count on. */
export const firstPortOf = (slot: number): number => slot * PORTALS_MAX + 1

/** Id of the target port group that the ports of a slot make up; the ANA group of a volume is always 1. */
export const portGroupOf = (slot: number): number => slot + 1

/** Controller ids (CNTLID) that the server with this slot gives for the volume, both ends included. */
export const controllerIdsOf = (slot: number): { readonly first: number; readonly last: number } => ({
  first: slot * CONTROLLERS_PER_SLOT + 1,
  last: (slot + 1) * CONTROLLERS_PER_SLOT,
})
