/** NodeGetVolumeStats: what is used, and whether the way to the volume is as it should be. Reads only. */
import { isBlockError } from '../../base/errors.ts'
import type { NodeGetVolumeStatsRequest__Output } from '../../gen/csi/v1/NodeGetVolumeStatsRequest.ts'
import type { NodeGetVolumeStatsResponse } from '../../gen/csi/v1/NodeGetVolumeStatsResponse.ts'
import { CsiError } from '../server/csi-error.ts'
import { mountAt, type Node } from './node.ts'
import { needVolumeId, needVolumePath, refuseStranger } from './requests.ts'
import { findDevice, sessionsOf } from './sessions.ts'
import type { StageRecord } from './state-store.ts'

type Usage = NonNullable<NodeGetVolumeStatsResponse['usage']>

export async function volumeStats(
  node: Node,
  request: NodeGetVolumeStatsRequest__Output,
): Promise<NodeGetVolumeStatsResponse> {
  const volumeId = needVolumeId(request.volumeId)
  const path = needVolumePath(request.volumePath)
  refuseStranger(volumeId)
  const record = await node.states.load(volumeId)
  const isKnown = record?.stagingPath === path || record?.targets.some((one) => one.path === path) === true
  if (record === null || !isKnown || (await node.host.pathKind(path)) === 'missing') {
    throw new CsiError('NOT_FOUND', `the volume ${volumeId} is not at ${path}`)
  }
  const wrong = await whatIsWrong(node, record, path)
  const usage = await usageOf(node, record, path, wrong !== null)
  return {
    usage,
    volumeCondition: { abnormal: wrong !== null, message: wrong ?? 'the volume is attached' },
  }
}

async function usageOf(node: Node, record: StageRecord, path: string, isAbnormal: boolean): Promise<Usage> {
  if (record.access.kind === 'block') {
    const device = await findDevice(node, record.volumeId, record.attachment)
    return device === undefined ? [] : [{ unit: 'BYTES', total: device.sizeBytes }]
  }
  if ((await mountAt(node, path)) === undefined) return []
  try {
    const { totalBytes, usedBytes, availableBytes, totalInodes, usedInodes, availableInodes } =
      await node.host.usageOf(path)
    return [
      { unit: 'BYTES', total: totalBytes, used: usedBytes, available: availableBytes },
      { unit: 'INODES', total: totalInodes, used: usedInodes, available: availableInodes },
    ]
  } catch (error) {
    // a file system without its disk need not answer, and the condition says why
    if (isAbnormal && isBlockError(error)) return []
    throw error
  }
}

/** A sentence for people; null when all is well. */
async function whatIsWrong(node: Node, record: StageRecord, path: string): Promise<string | null> {
  const { volumeId, attachment } = record
  if (record.phase === 'unstaging') return 'the volume is being let go, and that has not come to its end'
  const nqn = attachment.transport === 'nvme' ? attachment.target : null
  const { iscsi, nvme } = await sessionsOf(node, volumeId, nqn)
  const sessions = [...iscsi, ...nvme]
  if (sessions.length === 0) return 'the node has no session of the volume; it has to be staged again'
  if (!sessions.some(({ isLive }) => isLive)) {
    return `no server of the volume answers (${sessions.map(({ portal }) => portal).join(', ')}); commands wait`
  }
  if ((await findDevice(node, volumeId, attachment)) === undefined) return 'the disk of the volume is gone'
  if (record.access.kind === 'block') return null
  const mount = await mountAt(node, path)
  if (mount === undefined) return `nothing is mounted at ${path}; the volume has to be staged again`
  const meant = record.targets.find((one) => one.path === path)?.readOnly ?? record.readOnly
  if (mount.isReadOnly && !meant)
    return 'the file system turned read-only after an error; it has to be checked'
  return null
}
