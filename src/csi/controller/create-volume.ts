/**
 * CreateVolume. The name decides: what is there under it is the answer when it is what was asked for, whoever made it and
 * however far it is. Nothing is remembered here between calls, so a driver that dies anywhere is followed by one that goes on.
 */
import { isBlockError } from '../../base/errors.ts'
import type { CreateVolumeRequest__Output } from '../../gen/csi/v1/CreateVolumeRequest.ts'
import type { CreateVolumeResponse } from '../../gen/csi/v1/CreateVolumeResponse.ts'
import type { VolumeContentSource__Output } from '../../gen/csi/v1/VolumeContentSource.ts'
import { parseCapabilities, refuseUnsupported } from '../core/capabilities.ts'
import { isVolumeId, parseSnapshotId, type SnapshotId } from '../core/ids.ts'
import { storageName } from '../core/names.ts'
import { parseParameters, type VolumeParameters } from '../core/parameters.ts'
import { type ChapSecrets, chapOf, refuseDhchap } from '../core/secrets.ts'
import { chooseSize, isWithin, parseRange, type SizeRange } from '../core/sizes.ts'
import { zonesOf } from '../core/topology.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { madeAnswer } from './answers.ts'
import { differing, wishOf } from './compare.ts'
import type { VolumeInfo } from './master-port.ts'
import type { ControllerPorts } from './ports.ts'
import { needed, reasonOf } from './refusals.ts'
import { waitFor } from './wait.ts'

type Source =
  | { readonly kind: 'none' }
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotId | undefined }
  | { readonly kind: 'volume'; readonly volume: string | undefined }

interface Wanted {
  readonly name: string
  readonly range: SizeRange
  readonly parameters: VolumeParameters
  readonly zones: readonly string[]
  readonly source: Source
  readonly chap: ChapSecrets | null
}

export async function createVolume(
  ports: ControllerPorts,
  request: CreateVolumeRequest__Output,
  call: CsiCall,
): Promise<CreateVolumeResponse> {
  const wanted = wantedOf(request)
  const found = await ports.master.findVolumeNamed(wanted.name, call.signal)
  const begun = found ?? (await begin(ports, wanted, call))
  if (begun.status === 'deleting') {
    throw new CsiError('ABORTED', `volume ${wanted.name} is being deleted; ask again when it is gone`)
  }
  await refuseOther(ports, wanted, begun, call)
  const made = await whenActive(ports, begun, call)
  await setChap(ports, wanted, made, call)
  await letCloneSnapshotGo(ports, wanted, made, call)
  return { volume: madeAnswer(made, wanted.parameters, request.volumeContentSource) }
}

/** INVALID_ARGUMENT and OUT_OF_RANGE for what nobody has to be asked about. */
function wantedOf(request: CreateVolumeRequest__Output): Wanted {
  const name = storageName(needed(request.name, 'name'))
  refuseUnsupported(parseCapabilities(request.volumeCapabilities))
  refuseDhchap(request.secrets)
  return {
    name,
    range: parseRange(request.capacityRange),
    parameters: parseParameters(request.parameters, request.mutableParameters),
    zones: zonesOf(request.accessibilityRequirements),
    source: sourceOf(request.volumeContentSource),
    chap: chapOf(request.secrets),
  }
}

function sourceOf(source: VolumeContentSource__Output | null): Source {
  if (source === null) return { kind: 'none' }
  if (source.snapshot != null) {
    const id = needed(source.snapshot.snapshotId, 'volume_content_source.snapshot.snapshot_id')
    return { kind: 'snapshot', snapshot: parseSnapshotId(id) }
  }
  const id = needed(source.volume?.volumeId ?? '', 'volume_content_source: a snapshot_id or a volume_id')
  return { kind: 'volume', volume: isVolumeId(id) ? id : undefined }
}

/** What another controller made at the same moment is found, too. */
async function begin(ports: ControllerPorts, wanted: Wanted, call: CsiCall): Promise<VolumeInfo> {
  try {
    return await make(ports, wanted, call)
  } catch (error) {
    if (reasonOf(error) !== 'exists_otherwise') throw error
    const there = await ports.master.findVolumeNamed(wanted.name, call.signal)
    if (there === null) throw error
    return there
  }
}

async function make(ports: ControllerPorts, wanted: Wanted, call: CsiCall): Promise<VolumeInfo> {
  const { master, cloneSnapshots } = ports
  const { name, range, parameters, zones, source } = wanted
  const wish = (leastBytes: number) => ({
    ...wishOf(parameters),
    ...{ name, zones, sizeBytes: chooseSize(range, leastBytes) },
  })
  switch (source.kind) {
    case 'none':
      return await master.createVolume(wish(0), call.signal)
    case 'snapshot': {
      const from =
        source.snapshot === undefined ? null : await master.findSnapshot(source.snapshot, call.signal)
      if (from === null) throw new CsiError('NOT_FOUND', 'the snapshot that it is to be made of is not there')
      await refuseOtherBlocks(ports, parameters, from.id.volume, call)
      return await master.cloneSnapshot(from.id, wish(from.sizeBytes), call.signal)
    }
    case 'volume': {
      const volume = source.volume === undefined ? null : await master.findVolume(source.volume, call.signal)
      if (volume === null) throw new CsiError('NOT_FOUND', 'the volume that it is to be made of is not there')
      // before a snapshot is made in vain
      chooseSize(range, volume.sizeBytes)
      await refuseOtherBlocks(ports, parameters, volume.id, call)
      const from = await cloneSnapshots.make(volume.id, name, call.signal)
      try {
        return await master.cloneSnapshot(from.id, wish(from.sizeBytes), call.signal)
      } catch (error) {
        if (!isBlockError(error, 'NOT_FOUND')) throw error
        // one that an earlier call made long ago, and that nobody seemed to need
        throw new CsiError('ABORTED', `snapshot ${from.name} was deleted meanwhile; ask again`, {
          cause: error,
        })
      }
    }
  }
}

async function refuseOtherBlocks(
  { master }: ControllerPorts,
  { logicalBlockBytes }: VolumeParameters,
  source: string,
  call: CsiCall,
): Promise<void> {
  if (logicalBlockBytes === undefined) return
  const there = (await master.findVolume(source, call.signal))?.logicalBlockBytes
  if (there === undefined || there === logicalBlockBytes) return
  throw new CsiError(
    'INVALID_ARGUMENT',
    `parameter logicalBlockSize: the content source has blocks of ${there} bytes, and so has what is made of it`,
  )
}

/** ALREADY_EXISTS when what is there under the name is not what is wanted. */
async function refuseOther(
  ports: ControllerPorts,
  wanted: Wanted,
  there: VolumeInfo,
  call: CsiCall,
): Promise<void> {
  const { name, range, parameters, source } = wanted
  const other = (what: string): CsiError =>
    new CsiError('ALREADY_EXISTS', `there is a volume ${name} ${what}`)
  if (!isWithin(range, there.sizeBytes)) throw other(`of ${there.sizeBytes} bytes, which is another size`)
  if (!(await isMadeOf(ports, source, there, call))) throw other('with another content source')
  const [key] = differing(
    await ports.master.resolvePolicy(
      { ...wishOf(parameters), name, sizeBytes: there.sizeBytes, zones: [] },
      call.signal,
    ),
    there,
    { isDerived: source.kind !== 'none' },
  )
  if (key !== undefined) throw other(`with another ${key}`)
}

async function isMadeOf(
  { cloneSnapshots, master }: ControllerPorts,
  source: Source,
  there: VolumeInfo,
  call: CsiCall,
): Promise<boolean> {
  const { madeOf, name } = there
  switch (source.kind) {
    case 'none':
      return madeOf === null
    case 'snapshot':
      return (
        madeOf !== null &&
        madeOf.volume === source.snapshot?.volume &&
        madeOf.snapshot === source.snapshot.snapshot
      )
    case 'volume': {
      if (madeOf === null || madeOf.volume !== source.volume) return false
      const by = await cloneSnapshots.find(madeOf.volume, name, call.signal)
      if (by !== undefined) return by.id.snapshot === madeOf.snapshot
      // it goes when the clone is filled; a snapshot that is still there is one of somebody else's
      return (await master.findSnapshot(madeOf, call.signal)) === null
    }
  }
}

/** INTERNAL when it could not be made: the master has undone it. */
async function whenActive(
  { master, clock }: ControllerPorts,
  begun: VolumeInfo,
  call: CsiCall,
): Promise<VolumeInfo> {
  if (begun.status === 'active') return begun
  const { id, name } = begun
  return await waitFor(clock, call, { what: `volume ${name} is being made` }, async () => {
    const now = await master.findVolume(id, call.signal)
    if (now === null || now.status === 'deleting') {
      throw new CsiError(
        'INTERNAL',
        `volume ${name} could not be made, and is undone; basalt job list says why`,
      )
    }
    return now.status === 'active' ? now : undefined
  })
}

/** Nobody is let in before the volume is published, so a driver that dies before this leaves nothing open. */
async function setChap(
  { master }: ControllerPorts,
  { chap }: Wanted,
  { id, chapUser }: VolumeInfo,
  call: CsiCall,
): Promise<void> {
  if (chap === null || chapUser === chap.user) return
  if (chapUser !== null) {
    throw new CsiError('ALREADY_EXISTS', 'there is a volume of this name with CHAP of another user')
  }
  await master.setChap(id, chap, call.signal)
}

async function letCloneSnapshotGo(
  { cloneSnapshots }: ControllerPorts,
  { source, name }: Wanted,
  { madeOf }: VolumeInfo,
  call: CsiCall,
): Promise<void> {
  if (source.kind !== 'volume' || madeOf === null) return
  try {
    const by = await cloneSnapshots.find(madeOf.volume, name, call.signal)
    if (by !== undefined) cloneSnapshots.letGo(by.id)
  } catch (error) {
    // the volume is made; a later sweep, or the deletion of its source, finds the snapshot
    if (!isBlockError(error)) throw error
    call.log.warn('csi.clone_snapshot_kept', { volume: madeOf.volume, snapshot: madeOf.snapshot }, error)
  }
}
