/**
 * Read, Write, Flush, Write Zeroes, Dataset Management, Compare, Verify (NVM Command Set 1.0). When the device has the
 * bytes of a read at hand the result is there at once: a short one straight in the output, any other in one buffer of its
 * length from the pool. One command is one change of the device, except a Dataset Management, whose ranges are changes of
 * their own.
 *
 * A write of several blocks of the medium that is within the atomic limit, and every read that waits for the disk, keep
 * apart from each other: a namespace that has an atomic unit promises that a read never sees a part of such a write.
 */
import type { WriteOptions } from '../../base/ports/block-device.ts'
import { BLOCK_BYTES, MIB } from '../../base/units.ts'
import { final, STATUS } from '../status.ts'
import type { IoCommand, IoResult } from './io-types.ts'
import type { NvmeNamespace } from './namespace.ts'
import { CommandRefusedError, plainResult, SUCCESS } from './result.ts'
import { blocksOf, cdw10Of, cdw11Of, hasDeallocate, hasFua, startLbaOf, u32At, u64At } from './sqe.ts'

/** A promise without a result is success: one link less between the device and the answer. */
export type CommandHandler = (
  namespace: NvmeNamespace,
  command: IoCommand,
) => IoResult | Promise<IoResult> | Promise<void>

const OUT_OF_RANGE = Object.freeze(plainResult(final(STATUS.LBA_OUT_OF_RANGE)))
const LENGTH_INVALID = Object.freeze(plainResult(final(STATUS.DATA_SGL_LENGTH_INVALID)))
const WRITE_PROTECTED = Object.freeze(plainResult(final(STATUS.NAMESPACE_WRITE_PROTECTED)))
const COMPARE_FAILURE = Object.freeze(plainResult(final(STATUS.COMPARE_FAILURE)))
/** Compare and Verify look at the medium in pieces of this size: the largest buffer of the pool. */
const PIECE_BYTES = MIB
const RANGE_BYTES = 16
/** AD: deallocate. IDR and IDW are hints, and context attributes too. */
const ATTRIBUTE_DEALLOCATE = 0x04

/** What ends a command that sends exactly its range of blocks, before it begins. */
export function refuseBlocks(
  namespace: NvmeNamespace,
  { sqe, dataOut }: IoCommand,
  access: 'read' | 'write',
): IoResult | undefined {
  const blocks = blocksOf(sqe)
  if (startLbaOf(sqe) + blocks > namespace.capacityBlocks) return OUT_OF_RANGE
  if (dataOut.byteLength !== blocks * namespace.blockBytes) return LENGTH_INVALID
  return access === 'write' && namespace.device.readOnly ? WRITE_PROTECTED : undefined
}

/** What ends a command on a range of blocks before it begins. */
const refuseRange = ({ capacityBlocks }: NvmeNamespace, lba: number, blocks: number): IoResult | undefined =>
  lba + blocks > capacityBlocks ? OUT_OF_RANGE : undefined

export const read: CommandHandler = (namespace, command) => {
  const { sqe } = command
  const lba = startLbaOf(sqe)
  const blocks = blocksOf(sqe)
  if (lba + blocks > namespace.capacityBlocks) return OUT_OF_RANGE
  const lengthBytes = blocks * namespace.blockBytes
  if (command.dataInLengthMax !== lengthBytes) return LENGTH_INVALID
  const offsetBytes = lba * namespace.blockBytes
  if (!hasFua(sqe)) {
    return readBlocks(namespace, command, { offsetBytes, lengthBytes, place: command.place(lengthBytes) })
  }
  // FUA: what the volatile cache holds of the range goes to the medium first
  return (
    namespace.device
      .flush()
      // it is answered after whatever is said meanwhile, so its place would be another's by then
      .then<IoResult>(() => readBlocks(namespace, command, { offsetBytes, lengthBytes, place: undefined }))
  )
}

function readBlocks(
  namespace: NvmeNamespace,
  command: IoCommand,
  range: {
    readonly offsetBytes: number
    readonly lengthBytes: number
    /** Where the data go out; only for a command that is answered in this turn. */
    readonly place: Uint8Array | undefined
  },
): IoResult | Promise<IoResult> {
  const { device, pool } = namespace
  const { offsetBytes, lengthBytes, place } = range
  if (place !== undefined && device.readNow(offsetBytes, place)) {
    return { status: 0, dword0: 0, dataIn: place, release: undefined }
  }
  const buffer = pool.acquire(lengthBytes)
  const release = (): void => pool.release(buffer)
  try {
    // What the cache did not have a moment ago is not looked for twice.
    if (place === undefined && device.readNow(offsetBytes, buffer)) {
      return { status: 0, dword0: 0, dataIn: buffer, release }
    }
  } catch (error) {
    release()
    throw error
  }
  const action = (): Promise<void> => device.read(offsetBytes, buffer)
  return namespace.atomicRanges.read(offsetBytes, offsetBytes + lengthBytes, action).then(
    () => {
      if (!command.signal.aborted) return { status: 0, dword0: 0, dataIn: buffer, release }
      release()
      return plainResult(STATUS.ABORT_REQUESTED)
    },
    (error) => {
      release()
      throw error
    },
  )
}

export const write: CommandHandler = (namespace, command) => {
  const { sqe, dataOut } = command
  const refused = refuseBlocks(namespace, command, 'write')
  if (refused !== undefined) return refused
  const { device } = namespace
  const offsetBytes = startLbaOf(sqe) * namespace.blockBytes
  const options = namespace.writeOptions(command, hasFua(sqe))
  const run = (): Promise<void> => device.write(offsetBytes, dataOut, options)
  return needsAtomicRange(namespace, offsetBytes, dataOut.byteLength)
    ? namespace.atomicRanges.write(offsetBytes, offsetBytes + dataOut.byteLength, run)
    : run()
}

/** Whether a waiting read could see a part of a write that must be one change: within one block of the medium none can. */
function needsAtomicRange({ device }: NvmeNamespace, offsetBytes: number, lengthBytes: number): boolean {
  const isOneBlock = (offsetBytes % BLOCK_BYTES) + lengthBytes <= BLOCK_BYTES
  return !isOneBlock && lengthBytes <= device.atomicWriteBytesMax
}

export const flush: CommandHandler = ({ device }) => device.flush()

export const writeZeroes: CommandHandler = (namespace, command) => {
  const { sqe } = command
  const { device, blockBytes } = namespace
  const lba = startLbaOf(sqe)
  const blocks = blocksOf(sqe)
  const refused = refuseRange(namespace, lba, blocks)
  if (refused !== undefined) return refused
  if (device.readOnly) return WRITE_PROTECTED
  const options = namespace.writeOptions(command, hasFua(sqe))
  const done = hasDeallocate(sqe)
    ? device.trim(lba * blockBytes, blocks * blockBytes, options)
    : device.writeZeroes(lba * blockBytes, blocks * blockBytes, options)
  return done
}

/**
 * All ranges are checked before the first is deallocated. The data may be longer than the ranges: Linux always sends
 * room for 256. Without the deallocate attribute the command is a hint, and takes no effect here.
 */
export const datasetManagement: CommandHandler = (namespace, command) => {
  const { sqe, dataOut } = command
  const count = (cdw10Of(sqe) & 0xff) + 1
  if (dataOut.byteLength < count * RANGE_BYTES) return LENGTH_INVALID
  const ranges: { lba: number; blocks: number }[] = []
  for (let at = 0; at < count * RANGE_BYTES; at += RANGE_BYTES) {
    const blocks = u32At(dataOut, at + 4)
    const lba = u64At(dataOut, at + 8)
    const refused = refuseRange(namespace, lba, blocks)
    if (refused !== undefined) return refused
    if (blocks > 0) ranges.push({ lba, blocks })
  }
  if ((cdw11Of(sqe) & ATTRIBUTE_DEALLOCATE) === 0) return SUCCESS
  if (namespace.device.readOnly) return WRITE_PROTECTED
  return ranges.length === 0 ? SUCCESS : deallocate(namespace, ranges, namespace.writeOptions(command, false))
}

async function deallocate(
  { device, blockBytes }: NvmeNamespace,
  ranges: readonly { lba: number; blocks: number }[],
  options: WriteOptions,
): Promise<IoResult> {
  for (const { lba, blocks } of ranges) await device.trim(lba * blockBytes, blocks * blockBytes, options)
  return SUCCESS
}

export const compare: CommandHandler = (namespace, command) =>
  refuseBlocks(namespace, command, 'read') ?? inspect(namespace, command, command.dataOut)

/** Reads and checks the blocks, and gives nothing. */
export const verify: CommandHandler = (namespace, command) => {
  const refused = refuseRange(namespace, startLbaOf(command.sqe), blocksOf(command.sqe))
  return refused ?? inspect(namespace, command, undefined)
}

/** Reads the command's range in pieces of one pooled buffer, and compares it with `expected`. */
async function inspect(
  namespace: NvmeNamespace,
  command: IoCommand,
  expected: Uint8Array | undefined,
): Promise<IoResult> {
  const { device, blockBytes, atomicRanges } = namespace
  const start = startLbaOf(command.sqe) * blockBytes
  const totalBytes = blocksOf(command.sqe) * blockBytes
  if (hasFua(command.sqe)) await device.flush()
  return atomicRanges.read(start, start + totalBytes, () =>
    inspectPieces(namespace, command, { start, totalBytes, expected }),
  )
}

async function inspectPieces(
  { device, pool }: NvmeNamespace,
  { signal }: IoCommand,
  range: { readonly start: number; readonly totalBytes: number; readonly expected: Uint8Array | undefined },
): Promise<IoResult> {
  const { start, totalBytes, expected } = range
  const buffer = pool.acquire(Math.min(totalBytes, PIECE_BYTES))
  try {
    for (let doneBytes = 0; doneBytes < totalBytes; doneBytes += buffer.byteLength) {
      if (signal.aborted) throw new CommandRefusedError(STATUS.ABORT_REQUESTED)
      const piece = buffer.subarray(0, Math.min(buffer.byteLength, totalBytes - doneBytes))
      if (!device.readNow(start + doneBytes, piece)) await device.read(start + doneBytes, piece)
      if (expected === undefined) continue
      const wanted = expected.subarray(doneBytes, doneBytes + piece.byteLength)
      if (Buffer.compare(piece, wanted) !== 0) return COMPARE_FAILURE
    }
    return SUCCESS
  } finally {
    pool.release(buffer)
  }
}
