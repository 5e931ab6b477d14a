/**
 * From a volume's portals to its disk and back. The names of sessions are the node's own, and over iSCSI each volume has an
 * interface of its own: what has to be ended is found by these names, also by a driver that remembers nothing.
 */
import { isBlockError } from '../../base/errors.ts'
import type { ChapSecrets, DhchapSecrets } from '../core/secrets.ts'
import type { BlockDevice, IscsiSession, NvmeController } from '../host/host-tools.ts'
import { CsiError, csiErrorOf } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { type Node, ownDevice, refuseLate, until } from './node.ts'
import type { Attachment } from './state-store.ts'

/** From a login's success to the disk: discovery by the kernel, udev, multipathd. */
const DISK_MS = 30_000
/** How long a session that was lost may take to come back before it is given up for a new one; nothing is mounted then. */
const RECOVERY_MS = 10_000
/** As docs/hosts.md advises: with one path a failover is waited for, with several the next path is taken. */
const REPLACEMENT_SECONDS = { single: 120, multipath: 5 }

export interface SessionSecrets {
  readonly chap: ChapSecrets | null
  readonly dhchap: DhchapSecrets | null
}

/** The interface record of open-iscsi that the volume's sessions are made by. */
export const interfaceOf = (volumeId: string): string => `basalt-${volumeId}`

/** Several paths need dm-multipath only over iSCSI. */
const usesMap = ({ transport, multipath, portals }: Attachment): boolean =>
  transport === 'iscsi' && multipath && portals.length > 1

/** The volume's disk as it is now; undefined: there is none. */
export const findDevice = (
  node: Node,
  volumeId: string,
  attachment: Attachment,
): Promise<BlockDevice | undefined> =>
  ownDevice(node, volumeId, { interfaceName: interfaceOf(volumeId), multipath: usesMap(attachment) })

/** Makes the sessions that are missing and returns the disk, which says itself that it is the volume's. */
export async function attach(
  node: Node,
  call: CsiCall,
  volumeId: string,
  attachment: Attachment,
  secrets: SessionSecrets,
): Promise<BlockDevice> {
  if (attachment.transport === 'iscsi') await loginIscsi(node, call, volumeId, attachment, secrets)
  else await connectNvme(node, call, volumeId, attachment, secrets)
  const found = await until(node, call, DISK_MS, async () => {
    const device = await findDevice(node, volumeId, attachment)
    if (device === undefined && usesMap(attachment)) await askForMap(node, volumeId)
    return device
  })
  if (found !== undefined) return found
  const others = (await node.host.devicesOf(volumeId)).map(({ path, kind }) => `${path} (${kind})`)
  throw new CsiError(
    'UNAVAILABLE',
    `logged in at ${attachment.portals.join(', ')}, but no disk of the volume appeared` +
      (others.length > 0 ? `; there are ${others.join(', ')}` : ''),
  )
}

/** Sessions of this node for the volume. */
export async function sessionsOf(
  { host, names }: Node,
  volumeId: string,
  nqn: string | null,
): Promise<{ readonly iscsi: readonly IscsiSession[]; readonly nvme: readonly NvmeController[] }> {
  const interfaceName = interfaceOf(volumeId)
  const iscsi = (await host.iscsiSessions()).filter((session) => session.interfaceName === interfaceName)
  const nvme = (await host.nvmeControllers()).filter(
    (one) => one.hostNqn === names.nqn && (one.volumeId === volumeId || one.nqn === nqn),
  )
  return { iscsi, nvme }
}

/**
 * Ends every session of this node for the volume, and takes their records away. The disk is not in use: its cache was
 * written, or that cannot be any more.
 */
export async function detach(node: Node, call: CsiCall, volumeId: string, nqn: string | null): Promise<void> {
  const { host, names } = node
  const interfaceName = interfaceOf(volumeId)
  for (const device of await host.devicesOf(volumeId)) {
    const isOwn = device.initiators.some((name) => name === interfaceName || name === names.nqn)
    if (isOwn && device.kind === 'multipath') await host.multipathRemove(device)
  }
  const { iscsi, nvme } = await sessionsOf(node, volumeId, nqn)
  for (const session of iscsi) {
    refuseLate(call)
    await host.iscsiLogout(session)
  }
  await host.iscsiForget(interfaceName)
  for (const controller of nvme) {
    refuseLate(call)
    await host.nvmeDisconnect(controller)
  }
}

/** The target is asked for the disk's size again, on every path. */
export async function rescan(node: Node, volumeId: string, nqn: string | null): Promise<void> {
  const { iscsi, nvme } = await sessionsOf(node, volumeId, nqn)
  for (const session of iscsi) if (session.isLive) await node.host.iscsiRescan(session)
  for (const controller of nvme) if (controller.isLive) await node.host.nvmeRescan(controller)
}

async function loginIscsi(
  node: Node,
  call: CsiCall,
  volumeId: string,
  attachment: Attachment,
  { chap }: SessionSecrets,
): Promise<void> {
  const { host, names } = node
  const interfaceName = interfaceOf(volumeId)
  const there = await liveOrGone(node, call, volumeId)
  const several = usesMap(attachment)
  if (!several && there.length > 0) return
  const failures: unknown[] = []
  for (const portal of several ? attachment.portals : inOrder(attachment.portals)) {
    refuseLate(call)
    if (there.some((session) => session.portal === portal)) continue
    const path = { interfaceName, iqn: attachment.target, portal }
    try {
      await host.iscsiRecord({
        ...path,
        initiator: names.iqn,
        volumeId,
        replacementTimeoutSeconds: several ? REPLACEMENT_SECONDS.multipath : REPLACEMENT_SECONDS.single,
        chap:
          chap === null
            ? null
            : { user: chap.user, secret: chap.secret, ...(chap.mutual && { mutual: chap.mutual }) },
      })
      await host.iscsiLogin(path)
      if (!several) return
    } catch (error) {
      failures.push(passable(error))
      if (!several) await host.iscsiForget(interfaceName)
    }
  }
  refuseAllFailed(failures, attachment.portals.length, 'log in')
}

async function connectNvme(
  node: Node,
  call: CsiCall,
  volumeId: string,
  attachment: Attachment,
  { dhchap }: SessionSecrets,
): Promise<void> {
  const { host, names } = node
  const { nvme } = await sessionsOf(node, volumeId, attachment.target)
  const failures: unknown[] = []
  for (const portal of attachment.portals) {
    refuseLate(call)
    if (nvme.some((controller) => controller.portal === portal)) continue
    try {
      await host.nvmeConnect({
        nqn: attachment.target,
        hostNqn: names.nqn,
        hostId: names.hostId,
        portal,
        volumeId,
        dhchap:
          dhchap === null
            ? null
            : {
                secret: dhchap.secret,
                ...(dhchap.controllerSecret && { controllerSecret: dhchap.controllerSecret }),
              },
      })
    } catch (error) {
      failures.push(passable(error))
    }
  }
  refuseAllFailed(failures, attachment.portals.length, 'connect')
}

/**
 * One session goes to the portal of its record again after each loss, and a server that leads may be what is lost: the
 * record is best one of a server that does not, which sends the host on.
 */
const inOrder = (portals: readonly string[]): readonly string[] => [
  ...portals.slice(1),
  ...portals.slice(0, 1),
]

/** Sessions that serve. One that was lost gets some time; if its disk is used it is left to the kernel, else it is ended. */
async function liveOrGone(node: Node, call: CsiCall, volumeId: string): Promise<readonly IscsiSession[]> {
  const sessions = async (): Promise<readonly IscsiSession[]> =>
    (await sessionsOf(node, volumeId, null)).iscsi
  const now = await sessions()
  if (now.every(({ isLive }) => isLive)) return now
  const live = await until(node, call, RECOVERY_MS, async () => {
    const all = await sessions()
    return all.every(({ isLive }) => isLive) ? all : undefined
  })
  if (live !== undefined) return live
  if (await isDiskMounted(node, volumeId)) return await sessions()
  for (const session of await sessions()) if (!session.isLive) await node.host.iscsiLogout(session)
  return await sessions()
}

async function isDiskMounted({ host }: Node, volumeId: string): Promise<boolean> {
  const devices = await host.devicesOf(volumeId)
  const mounts = await host.mounts()
  return devices.some(({ number }) =>
    mounts.some((mount) => mount.number === number || mount.deviceNode === number),
  )
}

async function askForMap({ host }: Node, volumeId: string): Promise<void> {
  const devices = await host.devicesOf(volumeId)
  const interfaceName = interfaceOf(volumeId)
  const path = devices.find((device) => device.kind === 'scsi' && device.initiators.includes(interfaceName))
  if (path !== undefined && !devices.some(({ kind }) => kind === 'multipath')) await host.multipathAdd(path)
}

/** What another portal may do better; a bug or a missing tool is no portal's fault. */
function passable(error: unknown): unknown {
  const isOfPortal =
    isBlockError(error) && ['DISCONNECTED', 'TIMED_OUT', 'DISK', 'ACCESS_DENIED'].includes(error.code)
  if (!isOfPortal) throw error
  return error
}

/** A login that was refused is no matter of time: it is said rather than what else went wrong. */
function refuseAllFailed(failures: readonly unknown[], portals: number, what: string): void {
  if (portals === 0) {
    throw new CsiError('FAILED_PRECONDITION', 'no portal of the volume is known for this transport')
  }
  if (failures.length < portals) return
  const refused = failures.find((error) => isBlockError(error, 'ACCESS_DENIED'))
  const error = csiErrorOf(refused ?? failures[0])
  const code = refused === undefined ? 'UNAVAILABLE' : 'PERMISSION_DENIED'
  throw new CsiError(code, `could not ${what} at any portal: ${error.message}`, { cause: failures[0] })
}
