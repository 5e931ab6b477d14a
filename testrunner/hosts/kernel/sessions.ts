/** From a volume's portals to a disk of the machine's kernel, and back. */
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { formatUuid } from '../../../src/base/uuid.ts'
import type { BlockDevice } from '../../../src/csi/host/host-tools.ts'
import type { Attachment } from '../attach-info.ts'
import type { HostNames } from '../names.ts'
import type { MachineTools } from './machine-tools.ts'

const POLL_MS = 250
const IN_USE_MS = 15_000
/** As docs/hosts.md advises: with one path a failover is waited for, with several the next path is taken. */
const REPLACEMENT_SECONDS = { single: 120, multipath: 5 } as const

export interface SessionWish {
  readonly attachment: Attachment
  readonly isMultipath: boolean
  readonly names: HostNames
  /** The interface record of open-iscsi of this host and volume. */
  readonly interfaceName: string
}

/** Logs in and waits for the disk. Rejects as the tools do; ABORTED when `signal` aborts first. */
export async function connectDisk(
  tools: MachineTools,
  clock: Clock,
  wish: SessionWish,
  signal: AbortSignal,
): Promise<BlockDevice> {
  await (wish.attachment.transport === 'iscsi' ? logIn(tools, wish, signal) : connect(tools, wish, signal))
  for (;;) {
    const own = await devicesOf(tools, wish)
    const maps = own.filter(({ kind }) => kind === 'multipath')
    const needsMap = wish.isMultipath && wish.attachment.transport === 'iscsi'
    const [device] = maps.length > 0 || needsMap ? maps : own
    if (device !== undefined) return device
    if (signal.aborted) {
      const paths = own.map(({ path }) => path).join(', ') || 'nothing'
      throw new BlockError('ABORTED', `the disk did not appear; there is ${paths}`)
    }
    if (needsMap) for (const path of own) await tools.devices.multipathAdd(path)
    await clock.sleep(POLL_MS)
  }
}

/** Asks the targets for the size again, on every path. */
export async function rescan(tools: MachineTools, wish: SessionWish): Promise<void> {
  for (const session of await sessionsOf(tools, wish))
    if (session.isLive) await tools.iscsi.iscsiRescan(session)
  for (const one of await controllersOf(tools, wish)) if (one.isLive) await tools.nvme.nvmeRescan(one)
  for (const device of await devicesOf(tools, wish)) {
    if (device.kind === 'multipath') await tools.devices.multipathResize(device)
  }
}

/** Ends every session of this host for the volume, as far as it can. What did not go is told. */
export async function disconnectDisk(
  tools: MachineTools,
  clock: Clock,
  wish: SessionWish,
  log: (text: string) => void,
): Promise<void> {
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      log(`detaching ${wish.attachment.target}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await attempt(async () => {
    for (const device of await devicesOf(tools, wish)) {
      if (device.kind === 'multipath') await attempt(() => removeMap(tools, clock, device))
    }
  })
  await attempt(async () => {
    for (const one of await controllersOf(tools, wish)) await attempt(() => tools.nvme.nvmeDisconnect(one))
  })
  if (wish.attachment.transport !== 'iscsi') return
  await attempt(async () => {
    for (const session of await sessionsOf(tools, wish)) await attempt(() => tools.iscsi.iscsiLogout(session))
  })
  await attempt(() => tools.iscsi.iscsiForget(wish.interfaceName))
}

/** udev looks into a disk when a writer has closed it, and has it open meanwhile. Rejects with IN_USE when it stays so. */
async function removeMap({ devices }: MachineTools, clock: Clock, map: BlockDevice): Promise<void> {
  const endMs = clock.monotonicMs() + IN_USE_MS
  for (;;) {
    try {
      await devices.multipathRemove(map)
      return
    } catch (error) {
      if (!isBlockError(error, 'IN_USE') || clock.monotonicMs() >= endMs) throw error
    }
    await clock.sleep(POLL_MS)
  }
}

async function logIn(tools: MachineTools, wish: SessionWish, signal: AbortSignal): Promise<void> {
  const { attachment, isMultipath, interfaceName, names } = wish
  const { target: iqn, portals, volumeId } = attachment
  // one session goes to the portal of its record after each loss: best one that does not lead, and sends it on
  const inOrder = isMultipath ? portals : [...portals.slice(1), ...portals.slice(0, 1)]
  await eachPortal(inOrder, isMultipath, signal, async (portal) => {
    const path = { interfaceName, iqn, portal }
    await tools.iscsi.iscsiRecord({
      ...{ ...path, initiator: names.initiator, volumeId, chap: null },
      replacementTimeoutSeconds: isMultipath ? REPLACEMENT_SECONDS.multipath : REPLACEMENT_SECONDS.single,
    })
    await tools.iscsi.iscsiLogin(path)
  })
}

async function connect(tools: MachineTools, wish: SessionWish, signal: AbortSignal): Promise<void> {
  const { attachment, names } = wish
  const { target: nqn, portals, volumeId } = attachment
  // a controller never goes to another server: one that follows the volume is the kernel's multipath over all of them
  await eachPortal(portals, true, signal, async (portal) => {
    await tools.nvme.nvmeConnect({
      ...{ nqn, portal, volumeId, hostNqn: names.nqn, hostId: formatUuid(names.hostId), dhchap: null },
    })
  })
}

/** All of them, or the first that does it. One that does not is no error while another does. */
async function eachPortal(
  portals: readonly string[],
  isAll: boolean,
  signal: AbortSignal,
  work: (portal: string) => Promise<void>,
): Promise<void> {
  let failure: BlockError | undefined
  let done = 0
  for (const portal of portals) {
    if (signal.aborted) break
    try {
      await work(portal)
      done++
      if (!isAll) return
    } catch (error) {
      if (!isBlockError(error)) throw error
      failure = error
    }
  }
  if (done === 0) throw failure ?? new BlockError('ABORTED', 'no portal was tried in time')
}

const devicesOf = async ({ devices }: MachineTools, wish: SessionWish): Promise<readonly BlockDevice[]> =>
  (await devices.devicesOf(wish.attachment.volumeId)).filter(({ initiators }) =>
    initiators.some((name) => name === wish.interfaceName || name === wish.names.nqn),
  )

const sessionsOf = async ({ iscsi }: MachineTools, { interfaceName }: SessionWish) =>
  (await iscsi.iscsiSessions()).filter((session) => session.interfaceName === interfaceName)

const controllersOf = async ({ nvme }: MachineTools, { attachment, names }: SessionWish) =>
  (await nvme.nvmeControllers()).filter((one) => one.hostNqn === names.nqn && one.nqn === attachment.target)
