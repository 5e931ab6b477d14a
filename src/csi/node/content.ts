/**
 * What is on a volume's disk decides what may be done to it. A file system is made on a blank disk only: whatever else is
 * there is somebody's data, and to be wiped by a person. A making that died half-way left no data of anybody, and the record
 * that was durable before it began tells so.
 */
import type { BlockDevice, DeviceContent, FsType } from '../host/host-tools.ts'
import { CsiError } from '../server/csi-error.ts'
import type { Node } from './node.ts'
import type { StageRecord } from './state-store.ts'

type Step = 'make' | 'check'

/** The disk has a sound file system of this type afterwards, or the call ends. Nothing has it mounted. Returns the record. */
export async function prepareFileSystem(
  { host, states }: Node,
  record: StageRecord,
  device: BlockDevice,
  type: FsType,
): Promise<StageRecord> {
  let kept = record
  const content = await host.contentOf(device)
  if (nextStep(content, record, { type, path: device.path }) === 'make') {
    kept = { ...record, isFormatting: true }
    if (!record.isFormatting) await states.save(kept)
    await host.format(device, { type, uuid: record.volumeId })
  } else if (!record.readOnly) {
    await host.check(device, type)
  }
  if (!kept.isFormatting) return kept
  kept = { ...kept, isFormatting: false }
  await states.save(kept)
  return kept
}

/** Throws FAILED_PRECONDITION, saying what is there, when neither may be done. */
function nextStep(
  content: DeviceContent,
  record: StageRecord,
  { type, path }: { readonly type: FsType; readonly path: string },
): Step {
  const refuse = (why: string): never => {
    throw new CsiError('FAILED_PRECONDITION', `${path}: ${why}`)
  }
  if (content.kind === 'filesystem') {
    if (content.isUnfinished && !record.isFormatting) {
      return refuse(`the ${content.type} on it was never finished, and not by this node; wipe it by hand`)
    }
    if (content.isUnfinished) return 'make'
    if (content.type !== type) {
      return refuse(`it has a file system ${content.type}, not ${type}; it is not formatted over`)
    }
    return 'check'
  }
  if (record.readOnly) return refuse('it has no file system, and none is made for readers')
  if (content.kind === 'blank') return 'make'
  if (record.isFormatting && content.startsWithZeros) return 'make'
  return refuse(`it holds ${content.what}; it is not formatted over. Wipe it by hand if nobody needs it`)
}
