/** Lists: whole pages, so far as there are entries, and tokens that stay good while entries come and go. */
import { isBlockError } from '../../base/errors.ts'
import { VOLUME_BYTES_MIN } from '../../base/volume-limits.ts'
import type { GetCapacityRequest__Output } from '../../gen/csi/v1/GetCapacityRequest.ts'
import type { GetCapacityResponse } from '../../gen/csi/v1/GetCapacityResponse.ts'
import type { ListSnapshotsRequest__Output } from '../../gen/csi/v1/ListSnapshotsRequest.ts'
import type { ListSnapshotsResponse } from '../../gen/csi/v1/ListSnapshotsResponse.ts'
import type { ListVolumesRequest__Output } from '../../gen/csi/v1/ListVolumesRequest.ts'
import type { ListVolumesResponse } from '../../gen/csi/v1/ListVolumesResponse.ts'
import { parseCapability, whyUnsupported } from '../core/capabilities.ts'
import { capacityOf } from '../core/capacity.ts'
import { isVolumeId, parseSnapshotId } from '../core/ids.ts'
import { isCloneSnapshotName } from '../core/names.ts'
import { parseParameters } from '../core/parameters.ts'
import { badToken, entriesOf, formatToken, parseToken } from '../core/tokens.ts'
import { isIn } from '../core/topology.ts'
import type { CsiCall } from '../server/handlers.ts'
import { snapshotAnswer, statusAnswer, volumeAnswer } from './answers.ts'
import { wishOf } from './compare.ts'
import type { Page, PageWish, SnapshotInfo } from './master-port.ts'
import type { ControllerPorts } from './ports.ts'
import { reasonOf } from './refusals.ts'

/** Volumes that are made, of CSI or not: all of them can be used by their ids. */
export async function listVolumes(
  { master }: ControllerPorts,
  request: ListVolumesRequest__Output,
  call: CsiCall,
): Promise<ListVolumesResponse> {
  const page = await pageOf(
    request,
    (wish) => master.volumes(wish, call.signal),
    ({ status }) => status === 'active',
  )
  return {
    entries: page.items.map((volume) => ({ volume: volumeAnswer(volume), status: statusAnswer(volume) })),
    nextToken: formatToken(page.next),
  }
}

export async function listSnapshots(
  { master }: ControllerPorts,
  request: ListSnapshotsRequest__Output,
  call: CsiCall,
): Promise<ListSnapshotsResponse> {
  const { snapshotId, sourceVolumeId: volume } = request
  if (volume !== '' && !isVolumeId(volume)) return { entries: [], nextToken: '' }
  if (snapshotId !== '') {
    const id = parseSnapshotId(snapshotId)
    const found = id === undefined ? null : await master.findSnapshot(id, call.signal)
    const isMeant = found !== null && isShown(found) && (volume === '' || found.id.volume === volume)
    return { entries: isMeant ? [{ snapshot: snapshotAnswer(found) }] : [], nextToken: '' }
  }
  const page = await pageOf(
    request,
    (wish) => master.snapshots(volume === '' ? wish : { ...wish, volume }, call.signal),
    isShown,
  )
  return {
    entries: page.items.map((snapshot) => ({ snapshot: snapshotAnswer(snapshot) })),
    nextToken: formatToken(page.next),
  }
}

/** Not those by which clones are made, and not what is going. */
const isShown = ({ name, state }: SnapshotInfo): boolean => state !== 'deleting' && !isCloneSnapshotName(name)

/** Entries that are `meant`, as many as were asked for or all that there are. */
async function pageOf<T>(
  { maxEntries, startingToken }: { readonly maxEntries: number; readonly startingToken: string },
  fetch: (wish: PageWish) => Promise<Page<T>>,
  isMeant: (item: T) => boolean,
): Promise<Page<T>> {
  const limit = entriesOf(maxEntries)
  let cursor = parseToken(startingToken)
  const items: T[] = []
  for (;;) {
    const page = await fetchPage(fetch, { limit: limit - items.length, cursor })
    items.push(...page.items.filter(isMeant))
    if (page.next === null || items.length >= limit) return { items, next: page.next }
    cursor = page.next
  }
}

async function fetchPage<T>(fetch: (wish: PageWish) => Promise<Page<T>>, wish: PageWish): Promise<Page<T>> {
  try {
    return await fetch(wish)
  } catch (error) {
    if (isBlockError(error, 'INVALID_ARGUMENT') && reasonOf(error) === 'bad_cursor') throw badToken()
    throw error
  }
}

/** What could be made of volumes like this, there. */
export async function getCapacity(
  { master }: ControllerPorts,
  request: GetCapacityRequest__Output,
  call: CsiCall,
): Promise<GetCapacityResponse> {
  const capabilities = request.volumeCapabilities.map((capability) => parseCapability(capability))
  const parameters = parseParameters(request.parameters, {})
  if (capabilities.some((capability) => whyUnsupported(capability) !== undefined)) return answer(0, 0)
  const wish = { ...wishOf(parameters), name: 'capacity', sizeBytes: VOLUME_BYTES_MIN, zones: [] }
  const { replicaFactor, diskType } = await master.resolvePolicy(wish, call.signal)
  const servers = (await master.servers(call.signal)).filter(
    (server) =>
      server.isUsable &&
      isIn(request.accessibleTopology, server) &&
      (diskType === null || server.diskType === diskType),
  )
  const { availableBytes, largestBytes } = capacityOf(servers, replicaFactor)
  return answer(availableBytes, largestBytes)
}

const answer = (availableBytes: number, largestBytes: number): GetCapacityResponse => ({
  availableCapacity: availableBytes,
  maximumVolumeSize: { value: largestBytes },
  minimumVolumeSize: { value: VOLUME_BYTES_MIN },
})
