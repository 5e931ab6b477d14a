/**
 * What the node service needs of the host that it runs on, in small verbs: each does one thing, ends within a bounded time,
 * and may be repeated after a driver that died at any moment. `real/` runs the host's own tools, `fake/` remembers what
 * was asked. What a verb finds done already is success; what it finds in its way is an error that names it:
 *
 *     TIMED_OUT       no end within the verb's bound; whether it was done is unknown
 *     DISCONNECTED    a portal did not answer, or went away
 *     ACCESS_DENIED   a portal refused the login
 *     NOT_FOUND       a tool, a device or a path is missing
 *     IN_USE          the kernel says that somebody else holds it
 *     CORRUPT         a file system needs more than an automatic repair
 *     INVALID_ARGUMENT  a mount option or the like that the host refuses
 *     DISK            a tool ended badly in another way: its own words are in the message
 *
 * Nothing here decides: which device is the volume's, whether it may be formatted, and what comes after what is `node/`.
 */

export type Transport = 'iscsi' | 'nvme'

export type FsType = 'ext4' | 'xfs'

/** What this host can attach; `why` is for people when it cannot. */
export interface TransportSupport {
  readonly transport: Transport
  readonly usable: boolean
  readonly why: string
}

/** CHAP of a session; the second pair is what the target proves itself with. */
interface ChapLogin {
  readonly user: string
  readonly secret: string
  readonly mutual?: { readonly user: string; readonly secret: string }
}

/** Names one login: initiator port (an interface record of open-iscsi), target, portal as `address:port`. */
export interface IscsiPath {
  readonly interfaceName: string
  readonly iqn: string
  readonly portal: string
}

export interface IscsiRecord extends IscsiPath {
  /** Initiator name of the interface. */
  readonly initiator: string
  /** The volume that is expected behind it, for people and for the fake host. */
  readonly volumeId: string
  /** How long commands wait for a lost session before file systems see errors. */
  readonly replacementTimeoutSeconds: number
  readonly chap: ChapLogin | null
}

export interface IscsiSession extends IscsiPath {
  readonly id: number
  /** The kernel's word is LOGGED_IN. */
  readonly isLive: boolean
}

interface NvmePath {
  readonly nqn: string
  readonly hostNqn: string
  /** `address:port`. */
  readonly portal: string
}

export interface NvmeConnect extends NvmePath {
  /** UUID. */
  readonly hostId: string
  /** As at `IscsiRecord`. */
  readonly volumeId: string
  readonly dhchap: { readonly secret: string; readonly controllerSecret?: string } | null
}

export interface NvmeController extends NvmePath {
  /** As in /sys/class/nvme. */
  readonly name: string
  readonly isLive: boolean
  /** Of the namespace behind it, as far as it is known. */
  readonly volumeId: string | null
}

/** A whole disk, as the kernel has it now. */
export interface BlockDevice {
  /** Under /dev. */
  readonly path: string
  /** `major:minor`. */
  readonly number: string
  readonly kind: 'scsi' | 'nvme' | 'multipath'
  /** Of the volume whose content the disk says it is, by its own identification; null: it is none of ours. */
  readonly volumeId: string | null
  readonly sizeBytes: number
  readonly isReadOnly: boolean
  /** Names of iSCSI interfaces or host NQNs whose sessions it is reached by. */
  readonly initiators: readonly string[]
}

export type DeviceContent =
  /** No signature, and what was looked at reads zero: beginning and end. */
  | { readonly kind: 'blank' }
  | {
      readonly kind: 'filesystem'
      readonly type: string
      readonly uuid: string
      /** Its making was never finished: nobody can have mounted it. */
      readonly isUnfinished: boolean
    }
  /** Something that is no file system that we know; `startsWithZeros`: there is no signature, and the first 4 KiB are zeros. */
  | { readonly kind: 'unknown'; readonly what: string; readonly startsWithZeros: boolean }

export interface Mount {
  /** Mount point. */
  readonly target: string
  /** `major:minor` of the file system; of devtmpfs for a bind mount of a device node. */
  readonly number: string
  /** The path within that file system which is mounted: `/` for all of it. */
  readonly root: string
  readonly fsType: string
  readonly isReadOnly: boolean
  /** The device node that is mounted onto a file, as `major:minor`; null when it is anything else. */
  readonly deviceNode: string | null
}

export type PathKind = 'missing' | 'directory' | 'file' | 'other'

interface FsUsage {
  readonly totalBytes: number
  readonly usedBytes: number
  /** To users that are not root. */
  readonly availableBytes: number
  readonly totalInodes: number
  readonly usedInodes: number
  readonly availableInodes: number
}

export interface IscsiTools {
  /** Sessions of every initiator of the host. */
  iscsiSessions(): Promise<readonly IscsiSession[]>
  /** Makes the interface and the record of one path, or makes those that are there say the same. */
  iscsiRecord(record: IscsiRecord): Promise<void>
  iscsiLogin(path: IscsiPath): Promise<void>
  /** Ends the sessions that this path's record made. */
  iscsiLogout(path: IscsiPath): Promise<void>
  /** Removes the interface and every record of it; its sessions are over. */
  iscsiForget(interfaceName: string): Promise<void>
  /** Asks the target for the size of its disks. */
  iscsiRescan(session: IscsiSession): Promise<void>
}

export interface NvmeTools {
  nvmeControllers(): Promise<readonly NvmeController[]>
  nvmeConnect(connect: NvmeConnect): Promise<void>
  nvmeDisconnect(controller: NvmeController): Promise<void>
  nvmeRescan(controller: NvmeController): Promise<void>
}

export interface DeviceTools {
  /** Every disk that is, or claims to be, of this volume. Paths below a multipath device are listed too. */
  devicesOf(volumeId: string): Promise<readonly BlockDevice[]>
  setReadOnly(device: BlockDevice, readOnly: boolean): Promise<void>
  /**
   * What is in the kernel's cache of the device itself reaches it. IN_USE while a file system is on it, also one whose mount
   * point is gone already but whose data is still being written.
   */
  flush(device: BlockDevice): Promise<void>
  /** Lets multipathd make a map of the paths of this volume; returns before it is there. */
  multipathAdd(device: BlockDevice): Promise<void>
  /** Takes the map away, and what multipathd remembers of it. */
  multipathRemove(device: BlockDevice): Promise<void>
  /** Makes the map as large as its paths. */
  multipathResize(device: BlockDevice): Promise<void>
}

export interface FileSystemTools {
  /** What is on the device, read past the cache. */
  contentOf(device: BlockDevice): Promise<DeviceContent>
  /** Makes a file system with this UUID over whatever is there. A device in use is refused by the kernel: IN_USE. */
  format(device: BlockDevice, options: { readonly type: FsType; readonly uuid: string }): Promise<void>
  /** Checks and repairs what can be repaired without loss; the device is not mounted. */
  check(device: BlockDevice, type: FsType): Promise<void>
  /** Makes the mounted file system as large as its device. */
  grow(device: BlockDevice, options: { readonly type: FsType; readonly target: string }): Promise<void>
}

export interface MountTools {
  mounts(): Promise<readonly Mount[]>
  mount(what: {
    readonly device: BlockDevice
    readonly target: string
    readonly type: FsType
    readonly options: readonly string[]
  }): Promise<void>
  /** Mounts the folder `source`, or the node of a device, onto `target`. */
  bind(what: { readonly source: string; readonly target: string; readonly readOnly: boolean }): Promise<void>
  /** Takes the uppermost mount of `target` away. `detach`: from the tree at once, whoever uses it. */
  unmount(target: string, options: { readonly detach: boolean }): Promise<void>
}

export interface PathTools {
  pathKind(path: string): Promise<PathKind>
  /** With its parents. */
  makeDirectory(path: string): Promise<void>
  /** An empty file, with the folders above it. */
  makeFile(path: string): Promise<void>
  /** An empty folder or an empty file; what has content is refused: IN_USE. */
  removePath(path: string): Promise<void>
  usageOf(path: string): Promise<FsUsage>
}

export interface HostTools
  extends IscsiTools,
    NvmeTools,
    DeviceTools,
    FileSystemTools,
    MountTools,
    PathTools {
  /** Both transports, and whether this host has what they need: tools, modules, the kernel's settings. */
  transports(): Promise<readonly TransportSupport[]>
}
