/** What every call of the Node service works with, and how it waits. */
import { isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { NodeNames } from '../core/node-names.ts'
import type { BlockDevice, HostTools, Mount } from '../host/host-tools.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import type { StateStore } from './state-store.ts'

const POLL_MS = 200
/** Nobody stacks more mounts on one path. */
const STACKED_MAX = 16

export interface Node {
  readonly names: NodeNames
  readonly host: HostTools
  readonly states: StateStore
  readonly clock: Clock
}

/** Between two steps: a call that nobody waits for any more goes no further; the next one goes on where it stopped. */
export function refuseLate(call: CsiCall): void {
  if (call.signal.aborted) throw new CsiError('DEADLINE_EXCEEDED', 'the deadline of the call has passed')
}

/** Asks until `ask` has an answer; undefined after `boundMs`. DEADLINE_EXCEEDED when the call ends before. */
export async function until<T>(
  { clock }: Node,
  call: CsiCall,
  boundMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const endMs = clock.monotonicMs() + boundMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    refuseLate(call)
    if (clock.monotonicMs() >= endMs) return undefined
    await clock.sleep(POLL_MS)
  }
}

/** The uppermost mount at a path. */
export async function mountAt({ host }: Node, target: string): Promise<Mount | undefined> {
  return (await host.mounts()).findLast((mount) => mount.target === target)
}

/** All mounts of this very path are gone when it resolves. `beforeDetach` decides what a hanging one means: it may throw. */
export async function unmountAll(
  node: Node,
  target: string,
  onHang: (error: unknown) => Promise<void>,
): Promise<void> {
  for (let turn = 0; (await mountAt(node, target)) !== undefined; turn++) {
    if (turn === STACKED_MAX) throw new CsiError('INTERNAL', `${target} is mounted again and again`)
    try {
      await node.host.unmount(target, { detach: false })
    } catch (error) {
      if (!isBlockError(error, 'TIMED_OUT')) throw error
      await onHang(error)
      await node.host.unmount(target, { detach: true })
    }
  }
}

/** The disk of the volume that sessions of this node lead to; `multipath`: only a map above them will do. */
export async function ownDevice(
  { host, names }: Node,
  volumeId: string,
  options: { readonly interfaceName: string; readonly multipath: boolean },
): Promise<BlockDevice | undefined> {
  const own = (await host.devicesOf(volumeId)).filter(
    (device) =>
      device.volumeId === volumeId &&
      device.initiators.some((name) => name === options.interfaceName || name === names.nqn),
  )
  // a multipathd that takes every disk has made a map also where none was asked for, and holds the disk below
  const maps = own.filter(({ kind }) => kind === 'multipath')
  const wanted = maps.length > 0 || options.multipath ? maps : own
  if (wanted.length > 1) {
    const paths = wanted.map(({ path }) => path).join(' and ')
    throw new CsiError('FAILED_PRECONDITION', `${paths} are both the volume's disk; one session is too many`)
  }
  return wanted[0]
}
