/** Requests as they come over the wire: every field is there. */
import type { ControllerPublishVolumeRequest__Output } from '../../gen/csi/v1/ControllerPublishVolumeRequest.ts'
import type { CreateSnapshotRequest__Output } from '../../gen/csi/v1/CreateSnapshotRequest.ts'
import type { CreateVolumeRequest__Output } from '../../gen/csi/v1/CreateVolumeRequest.ts'
import type { VolumeCapability__Output } from '../../gen/csi/v1/VolumeCapability.ts'
import type { AccessMode } from '../core/capabilities.ts'

export const mounted = (mode: AccessMode = 'SINGLE_NODE_WRITER', fsType = ''): VolumeCapability__Output => ({
  mount: { fsType, mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode },
})

export const raw = (mode: AccessMode = 'SINGLE_NODE_WRITER'): VolumeCapability__Output => ({
  block: {},
  accessMode: { mode },
})

export const volumeRequest = (
  name: string,
  changes: Partial<CreateVolumeRequest__Output> = {},
): CreateVolumeRequest__Output => ({
  name,
  capacityRange: null,
  volumeCapabilities: [mounted()],
  parameters: {},
  secrets: {},
  volumeContentSource: null,
  accessibilityRequirements: null,
  mutableParameters: {},
  ...changes,
})

export const publishRequest = (
  volumeId: string,
  nodeId: string,
  changes: Partial<ControllerPublishVolumeRequest__Output> = {},
): ControllerPublishVolumeRequest__Output => ({
  volumeId,
  nodeId,
  volumeCapability: mounted(),
  readonly: false,
  secrets: {},
  volumeContext: {},
  ...changes,
})

export const snapshotRequest = (name: string, sourceVolumeId: string): CreateSnapshotRequest__Output => ({
  name,
  sourceVolumeId,
  secrets: {},
  parameters: {},
})

export const range = (required: number, limit = 0) => ({
  requiredBytes: String(required),
  limitBytes: String(limit),
})
