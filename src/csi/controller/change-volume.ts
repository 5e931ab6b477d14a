/** Volumes that are there: shown, grown, changed, and asked what they can be used for. */
import type { ControllerExpandVolumeRequest__Output } from '../../gen/csi/v1/ControllerExpandVolumeRequest.ts'
import type { ControllerExpandVolumeResponse } from '../../gen/csi/v1/ControllerExpandVolumeResponse.ts'
import type { ControllerGetVolumeRequest__Output } from '../../gen/csi/v1/ControllerGetVolumeRequest.ts'
import type { ControllerGetVolumeResponse } from '../../gen/csi/v1/ControllerGetVolumeResponse.ts'
import type { ControllerModifyVolumeRequest__Output } from '../../gen/csi/v1/ControllerModifyVolumeRequest.ts'
import type { ValidateVolumeCapabilitiesRequest__Output } from '../../gen/csi/v1/ValidateVolumeCapabilitiesRequest.ts'
import type { ValidateVolumeCapabilitiesResponse } from '../../gen/csi/v1/ValidateVolumeCapabilitiesResponse.ts'
import {
  parseCapabilities,
  parseCapability,
  refuseUnsupported,
  whyUnsupported,
} from '../core/capabilities.ts'
import { isVolumeId } from '../core/ids.ts'
import { parseMutable, parseParameters } from '../core/parameters.ts'
import { chooseSize, parseRange } from '../core/sizes.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { statusAnswer, volumeAnswer } from './answers.ts'
import { differing, wishOf } from './compare.ts'
import type { JobInfo, VolumeInfo } from './master-port.ts'
import type { ControllerPorts } from './ports.ts'
import { needed } from './refusals.ts'
import { waitFor } from './wait.ts'

export async function getVolume(
  ports: ControllerPorts,
  request: ControllerGetVolumeRequest__Output,
  call: CsiCall,
): Promise<ControllerGetVolumeResponse> {
  const volume = await there(ports, needed(request.volumeId, 'volume_id'), call)
  return { volume: volumeAnswer(volume), status: statusAnswer(volume) }
}

export async function expandVolume(
  ports: ControllerPorts,
  request: ControllerExpandVolumeRequest__Output,
  call: CsiCall,
): Promise<ControllerExpandVolumeResponse> {
  const id = needed(request.volumeId, 'volume_id')
  const range = parseRange(request.capacityRange)
  if (range.requiredBytes === 0) {
    throw new CsiError('INVALID_ARGUMENT', 'capacity_range.required_bytes: give the size that it is to have')
  }
  if (request.volumeCapability !== null) refuseUnsupported([parseCapability(request.volumeCapability)])
  const volume = await there(ports, id, call)
  if (volume.sizeBytes > range.limitBytes) {
    throw new CsiError(
      'OUT_OF_RANGE',
      `volume ${volume.name} has ${volume.sizeBytes} bytes already, which is more than limit_bytes; it does not shrink`,
    )
  }
  if (volume.sizeBytes >= range.requiredBytes) return expanded(volume)
  const sizeBytes = chooseSize(range, volume.sizeBytes)
  const job = await ports.master.expandVolume(id, sizeBytes, call.signal)
  await ended(ports, job, `volume ${volume.name} is being grown`, call)
  return expanded(await there(ports, id, call))
}

/** Device and file system grow at the node, whether they are in use or not; one that has done so finds nothing to do. */
const expanded = ({ sizeBytes }: VolumeInfo): ControllerExpandVolumeResponse => ({
  capacityBytes: sizeBytes,
  nodeExpansionRequired: true,
})

export async function modifyVolume(
  ports: ControllerPorts,
  request: ControllerModifyVolumeRequest__Output,
  call: CsiCall,
): Promise<Record<string, never>> {
  const id = needed(request.volumeId, 'volume_id')
  const { preset, qos } = parseMutable(request.mutableParameters)
  const volume = await there(ports, id, call)
  if (Object.keys(qos).length > 0) await ports.master.setQos(id, qos, call.signal)
  if (preset === undefined) return {}
  const job = await ports.master.setPreset(id, preset, call.signal)
  if (job !== null) await ended(ports, job, `volume ${volume.name} becomes ${preset}`, call)
  return {}
}

export async function validateCapabilities(
  ports: ControllerPorts,
  request: ValidateVolumeCapabilitiesRequest__Output,
  call: CsiCall,
): Promise<ValidateVolumeCapabilitiesResponse> {
  const id = needed(request.volumeId, 'volume_id')
  const capabilities = parseCapabilities(request.volumeCapabilities)
  const volume = await there(ports, id, call)
  const { volumeContext, parameters, mutableParameters } = request
  const why =
    capabilities.map(whyUnsupported).find((reason) => reason !== undefined) ??
    whyOtherContext(volume, volumeContext) ??
    (await whyOtherParameters(ports, volume, request, call))
  if (why !== undefined) return { message: why }
  const { volumeCapabilities } = request
  return { confirmed: { volumeContext, volumeCapabilities, parameters, mutableParameters } }
}

function whyOtherContext(volume: VolumeInfo, context: Readonly<Record<string, string>>): string | undefined {
  const facts = { name: volume.name, iqn: volume.iqn, nqn: volume.nqn }
  const other = Object.entries(facts).find(
    ([key, value]) => Object.hasOwn(context, key) && context[key] !== value,
  )
  return other === undefined ? undefined : `volume_context: ${other[0]} is that of another volume`
}

async function whyOtherParameters(
  ports: ControllerPorts,
  volume: VolumeInfo,
  { parameters, mutableParameters }: ValidateVolumeCapabilitiesRequest__Output,
  call: CsiCall,
): Promise<string | undefined> {
  if (Object.keys(parameters).length + Object.keys(mutableParameters).length === 0) return undefined
  const wish = wishOf(parseParameters(parameters, mutableParameters))
  const { name, sizeBytes } = volume
  const wanted = await ports.master.resolvePolicy({ ...wish, name, sizeBytes, zones: [] }, call.signal)
  const [key] = differing(wanted, volume, { isDerived: volume.madeOf !== null })
  return key === undefined ? undefined : `parameters: the volume has another ${key}`
}

/** NOT_FOUND also for one that is going. */
async function there({ master }: ControllerPorts, id: string, call: CsiCall): Promise<VolumeInfo> {
  const volume = isVolumeId(id) ? await master.findVolume(id, call.signal) : null
  if (volume !== null && volume.status !== 'deleting') return volume
  throw new CsiError('NOT_FOUND', 'there is no volume of this id')
}

/** INTERNAL when it failed: its message says why. */
async function ended(
  { master, clock }: ControllerPorts,
  job: JobInfo,
  what: string,
  call: CsiCall,
): Promise<void> {
  let last: JobInfo | null = job
  await waitFor(clock, call, { what }, async () => {
    if (last?.state !== 'running' && last?.state !== 'cancelling') return true
    last = await master.findJob(job.id, call.signal)
    return last?.state === 'running' || last?.state === 'cancelling' ? undefined : true
  })
  // one that is no longer known has ended long ago: what it was to do is looked at by who asked
  if (last === null || last.state === 'succeeded') return
  throw new CsiError('INTERNAL', `${what}: ${last.message ?? `job ${last.id} ${last.state}`}`)
}
