/** Where a volume is to be had, as the cluster's API tells hosts. */
import { Type } from 'typebox'
import { BlockError, isBlockError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import type { ApiClient } from '../../src/client/http/api-client.ts'
import { volumePath } from '../../src/client/wire/volume.ts'
import type { Transport } from './disk.ts'

const Portal = Type.Object({ address: Type.String() })
const AttachInfo = Type.Object({
  id: Type.String(),
  iscsi: Type.Union([
    Type.Null(),
    Type.Object({ iqn: Type.String(), lun: Type.Integer(), portals: Type.Array(Portal) }),
  ]),
  nvme: Type.Union([
    Type.Null(),
    Type.Object({ nqn: Type.String(), nsid: Type.Integer(), portals: Type.Array(Portal) }),
  ]),
})

const POLL_MS = 200

export interface Attachment {
  readonly volumeId: string
  readonly transport: Transport
  /** IQN or NQN. */
  readonly target: string
  /** LUN or namespace. */
  readonly unit: number
  /** `host:port`, the primary's first; at least one. */
  readonly portals: readonly string[]
}

export interface AttachSource {
  readonly api: ApiClient
  readonly clock: Clock
}

/**
 * `volume`: a volume's name, or `VOLUME@SNAPSHOT` for a snapshot that is exposed. Asks until there are portals, or `signal`
 * aborts: ABORTED then. NOT_FOUND when there is no such volume.
 */
export async function attachmentOf(
  { api, clock }: AttachSource,
  { volume, transport }: { readonly volume: string; readonly transport: Transport },
  signal: AbortSignal,
): Promise<Attachment> {
  const [name = '', snapshot] = volume.split('@')
  for (;;) {
    const found = await asked(api, name, transport, signal)
    if (found !== undefined) {
      return snapshot === undefined ? found : { ...found, target: `${found.target}:snap:${snapshot}` }
    }
    if (signal.aborted) throw new BlockError('ABORTED', `${name} has no ${transport} portals`)
    await clock.sleep(POLL_MS)
  }
}

/** Undefined: not now. */
async function asked(
  api: ApiClient,
  name: string,
  transport: Transport,
  signal: AbortSignal,
): Promise<Attachment | undefined> {
  try {
    const path = volumePath(name, 'attach-info')
    const { id, iscsi, nvme } = await api.call('GET', path, AttachInfo, undefined, signal)
    const at =
      transport === 'iscsi'
        ? iscsi && { target: iscsi.iqn, unit: iscsi.lun, portals: iscsi.portals }
        : nvme && { target: nvme.nqn, unit: nvme.nsid, portals: nvme.portals }
    if (at === null || at.portals.length === 0) return undefined
    return { volumeId: id, transport, ...at, portals: at.portals.map(({ address }) => address) }
  } catch (error) {
    if (isBlockError(error, 'BUSY') || isBlockError(error, 'DISCONNECTED')) return undefined
    throw error
  }
}
