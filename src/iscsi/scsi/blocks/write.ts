/**
 * WRITE(6), (10), (12), (16), WRITE AND VERIFY(10), (12), (16), WRITE ATOMIC(16) and ORWRITE(16) (SBC-3, SBC-4).
 *
 * When the initiator announces less data than the command writes, what came is written and the session reports the
 * rest as residual overflow (RFC 7143 §11.4.5.1). WRITE puts a last part of a block into it and leaves its rest as it
 * was; the others refuse a part of a block. One command is one write of the device, so it has one place in the log.
 */
import { alignUp } from '../../../base/units.ts'
import type { CommandHandler } from '../command.ts'
import { atomicWriteBlocksMax } from '../inquiry/vpd.ts'
import { TRANSFER_BYTES_MAX } from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import { SENSE } from '../sense.ts'
import { plainResult, type ScsiRequest, type ScsiResult, STATUS } from '../task.ts'
import {
  type Extent,
  type ExtentDecoder,
  extent6,
  extent10,
  extent12,
  extent16,
  hasFua,
  lengthField,
} from './address.ts'
import { byteCheck, verifyExtent } from './verify.ts'

/** Length of data out for a command that writes all blocks of its range. */
export const dataOutOf =
  (decode: ExtentDecoder) =>
  (cdb: Uint8Array, blockBytes: number): number => {
    const bytes = decode(cdb).blocks * blockBytes
    return bytes > TRANSFER_BYTES_MAX ? 0 : bytes
  }

/** What is to be written, or the result that ends the command before. */
function prepare(unit: LogicalUnit, request: ScsiRequest, { lba, blocks }: Extent): Uint8Array | ScsiResult {
  const refused = unit.refuseRange(lba, blocks) ?? unit.refuseWrite()
  if (refused !== undefined) return refused
  const transferBytes = blocks * unit.blockBytes
  if (transferBytes > TRANSFER_BYTES_MAX) return unit.invalidCdb(lengthField(request.cdb))
  const { dataOut } = request
  const data = dataOut.byteLength > transferBytes ? dataOut.subarray(0, transferBytes) : dataOut
  return data.byteLength === 0 ? plainResult(STATUS.GOOD, transferBytes) : data
}

/** As `prepare`, for commands that need whole blocks. */
function prepareBlocks(unit: LogicalUnit, request: ScsiRequest, extent: Extent): Uint8Array | ScsiResult {
  const data = prepare(unit, request, extent)
  if (!(data instanceof Uint8Array) || data.byteLength % unit.blockBytes === 0) return data
  return unit.check(SENSE.INVALID_FIELD_IN_INFORMATION_UNIT, {}, extent.blocks * unit.blockBytes)
}

const writer =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const extent = decode(request.cdb)
    const data = prepare(unit, request, extent)
    if (!(data instanceof Uint8Array)) return data
    const fua = request.cdb[0] !== 0x0a && hasFua(request.cdb)
    return data.byteLength % unit.blockBytes === 0
      ? write(unit, request, extent, data, fua)
      : writePart(unit, request, extent, data, fua)
  }

async function write(
  unit: LogicalUnit,
  request: ScsiRequest,
  { lba, blocks }: Extent,
  data: Uint8Array,
  fua: boolean,
): Promise<ScsiResult> {
  await unit.device.write(lba * unit.blockBytes, data, unit.writeOptions(request, fua))
  return plainResult(STATUS.GOOD, blocks * unit.blockBytes)
}

/** Data that ends inside a block: the rest of the block stays as it is, and nothing comes between. */
async function writePart(
  unit: LogicalUnit,
  request: ScsiRequest,
  { lba, blocks }: Extent,
  data: Uint8Array,
  fua: boolean,
): Promise<ScsiResult> {
  await unit.device.readModifyWrite(
    lba * unit.blockBytes,
    alignUp(data.byteLength, unit.blockBytes),
    (content) => content.set(data),
    unit.writeOptions(request, fua),
  )
  return plainResult(STATUS.GOOD, blocks * unit.blockBytes)
}

export const write6 = writer(extent6)
export const write10 = writer(extent10)
export const write12 = writer(extent12)
export const write16 = writer(extent16)

/** Writes to the medium, then reads back and, with BYTCHK 01b, compares with what was sent. */
const writeVerifier =
  (decode: ExtentDecoder): CommandHandler =>
  (unit, request) => {
    const check = byteCheck(request.cdb)
    if (check > 1) return unit.invalidCdb(1, 2)
    const extent = decode(request.cdb)
    const data = prepareBlocks(unit, request, extent)
    return data instanceof Uint8Array ? writeAndVerify(unit, request, extent, data) : data
  }

async function writeAndVerify(
  unit: LogicalUnit,
  request: ScsiRequest,
  extent: Extent,
  data: Uint8Array,
): Promise<ScsiResult> {
  const written = await write(unit, request, extent, data, true)
  const expected = byteCheck(request.cdb) === 1 ? data : undefined
  const blocks = data.byteLength / unit.blockBytes
  return (await verifyExtent(unit, { lba: extent.lba, blocks }, expected)) ?? written
}

export const writeAndVerify10 = writeVerifier(extent10)
export const writeAndVerify12 = writeVerifier(extent12)
export const writeAndVerify16 = writeVerifier(extent16)

/** As READ, but the transfer length has 16 bits, after an atomic boundary that has to be 0 here. */
export const atomicExtent: ExtentDecoder = (cdb) => ({
  lba: extent16(cdb).lba,
  blocks: ((cdb[12] ?? 0) << 8) | (cdb[13] ?? 0),
})

/**
 * SBC-4: all or nothing, so data that is short of the transfer length is refused rather than cut. Reads that wait for
 * the disk are kept from seeing a part of it.
 */
export const writeAtomic16: CommandHandler = (unit, request) => {
  const extent = atomicExtent(request.cdb)
  const data = prepareBlocks(unit, request, extent)
  if (!(data instanceof Uint8Array)) return data
  if (extent.blocks > atomicWriteBlocksMax(unit)) return unit.invalidCdb(12)
  const transferBytes = extent.blocks * unit.blockBytes
  if (data.byteLength < transferBytes) {
    return unit.check(SENSE.INVALID_FIELD_IN_INFORMATION_UNIT, {}, transferBytes)
  }
  const start = extent.lba * unit.blockBytes
  return unit.atomicRanges.write(start, start + transferBytes, () =>
    write(unit, request, extent, data, hasFua(request.cdb)),
  )
}

/** Sets the bits that are set in the data sent; atomic as a whole. */
export const orwrite16: CommandHandler = (unit, request) => {
  const extent = extent16(request.cdb)
  const data = prepareBlocks(unit, request, extent)
  return data instanceof Uint8Array ? orwrite(unit, request, extent, data) : data
}

async function orwrite(
  unit: LogicalUnit,
  request: ScsiRequest,
  { lba, blocks }: Extent,
  data: Uint8Array,
): Promise<ScsiResult> {
  await unit.device.readModifyWrite(
    lba * unit.blockBytes,
    data.byteLength,
    (content) => {
      for (let i = 0; i < content.byteLength; i++) content[i]! |= data[i]!
    },
    unit.writeOptions(request, hasFua(request.cdb)),
  )
  return plainResult(STATUS.GOOD, blocks * unit.blockBytes)
}
