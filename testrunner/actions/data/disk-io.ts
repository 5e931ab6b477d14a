/** Bytes of an attached volume, written and read by steps one by one. The oracle does not know of these writes. */
import { createHash } from 'node:crypto'
import { MIB } from '../../../src/base/units.ts'
import type { Disk } from '../../hosts/disk.ts'
import { StepFailure } from '../../model/failure.ts'
import { optional, size, text, truth, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ATTACHED, type AttachedName, diskOf } from '../hosts/attached.ts'
import { badArgument, notAsStated } from '../shared/failures.ts'
import { firstDifference, seededBytes } from './content.ts'

const PIECE_BYTES = MIB

const RANGE = {
  offset: withDefault(size('where it begins'), '0'),
  length: optional(size('how much; up to the end of the disk unless told')),
} as const

interface Range {
  readonly offset: number
  readonly length: number | undefined
}

/** The range in pieces of 1 MiB; ARGUMENT when it is not whole blocks of the disk. */
export function piecesOf(
  disk: Pick<Disk, 'sizeBytes' | 'logicalBlockBytes'>,
  { offset, length }: Range,
): readonly { readonly offsetBytes: number; readonly lengthBytes: number }[] {
  const endBytes = offset + (length ?? disk.sizeBytes - offset)
  const unit = disk.logicalBlockBytes
  if (offset % unit !== 0 || endBytes % unit !== 0)
    throw badArgument(`offset and length must be multiples of ${unit}`)
  if (endBytes > disk.sizeBytes || endBytes <= offset)
    throw badArgument(`bytes ${offset} to ${endBytes} are not a part of a disk of ${disk.sizeBytes}`)
  const count = Math.ceil((endBytes - offset) / PIECE_BYTES)
  return Array.from({ length: count }, (_, index) => {
    const offsetBytes = offset + index * PIECE_BYTES
    return { offsetBytes, lengthBytes: Math.min(PIECE_BYTES, endBytes - offsetBytes) }
  })
}

const SEED = 'the content follows from this text and the place'

export const diskWrite = defineAction({
  name: 'disk_write',
  group: 'data',
  summary: 'Write content that follows from a seed, and flush',
  parameters: {
    ...ATTACHED,
    ...RANGE,
    seed: withDefault(text(SEED), 'basalt'),
    flush: withDefault(truth('makes it durable, too'), true),
  },
  result: 'sha256 of what was written',
  async run({ world, signal }, { seed, flush, offset, length, ...name }) {
    const disk = diskOf(world, name)
    const hash = createHash('sha256')
    for (const { offsetBytes, lengthBytes } of piecesOf(disk, { offset, length })) {
      const data = seededBytes(seed, offsetBytes, lengthBytes)
      hash.update(data)
      await disk.write(offsetBytes, data, signal)
    }
    if (flush) await disk.flush(signal)
    return hash.digest('hex')
  },
})

export const diskRead = defineAction({
  name: 'disk_read',
  group: 'data',
  summary: 'Read what disk_write wrote with the same seed, and compare every byte',
  parameters: { ...ATTACHED, ...RANGE, seed: withDefault(text(SEED), 'basalt') },
  result: 'sha256 of what was read',
  async run({ world, signal }, { seed, offset, length, ...name }) {
    const disk = diskOf(world, name)
    const hash = createHash('sha256')
    for (const { offsetBytes, lengthBytes } of piecesOf(disk, { offset, length })) {
      const data = await disk.read(offsetBytes, lengthBytes, signal)
      const expected = seededBytes(seed, offsetBytes, lengthBytes)
      const at = firstDifference(data, expected)
      if (at >= 0)
        throw mismatch(name, offsetBytes + at, { expected: expected.subarray(at), actual: data.subarray(at) })
      hash.update(data)
    }
    return hash.digest('hex')
  },
})

const SHOWN_BYTES = 16

const mismatch = (
  { volume }: AttachedName,
  offset: number,
  { expected, actual }: { readonly expected: Uint8Array; readonly actual: Uint8Array },
): StepFailure =>
  new StepFailure('DATA_MISMATCH', `byte ${offset} of ${volume} is not what was written`, {
    volume,
    offset,
    expected: Buffer.from(expected.subarray(0, SHOWN_BYTES)).toString('hex'),
    actual: Buffer.from(actual.subarray(0, SHOWN_BYTES)).toString('hex'),
  })

export const diskTrim = defineAction({
  name: 'disk_trim',
  group: 'data',
  summary: 'Give a range back, and look that it reads as zeros',
  parameters: { ...ATTACHED, ...RANGE, check: withDefault(truth('reads the range afterwards'), true) },
  async run({ world, signal }, { offset, length, check, ...name }) {
    const disk = diskOf(world, name)
    const pieces = piecesOf(disk, { offset, length })
    for (const { offsetBytes, lengthBytes } of pieces) await disk.trim(offsetBytes, lengthBytes, signal)
    for (const { offsetBytes, lengthBytes } of check ? pieces : []) {
      const data = await disk.read(offsetBytes, lengthBytes, signal)
      const at = firstDifference(data, new Uint8Array(lengthBytes))
      if (at >= 0)
        throw mismatch(name, offsetBytes + at, {
          expected: new Uint8Array(SHOWN_BYTES),
          actual: data.subarray(at),
        })
    }
    return undefined
  },
})

export const diskChecksum = defineAction({
  name: 'disk_checksum',
  group: 'data',
  summary: 'Read a range, the whole disk unless told, and compare its checksum when one is given',
  parameters: { ...ATTACHED, ...RANGE, equals: optional(text('the sha256 that it must have')) },
  result: 'sha256 of the range',
  timeoutMs: 300_000,
  async run(context, { offset, length, equals, ...name }) {
    const sum = await checksumOf(context, diskOf(context.world, name), { offset, length })
    if (equals !== undefined && equals !== sum)
      throw notAsStated(`${name.volume} does not have the checksum that it had`, equals, sum)
    return sum
  },
})

async function checksumOf({ signal }: ActionContext, disk: Disk, range: Range): Promise<string> {
  const hash = createHash('sha256')
  for (const { offsetBytes, lengthBytes } of piecesOf(disk, range)) {
    hash.update(await disk.read(offsetBytes, lengthBytes, signal))
  }
  return hash.digest('hex')
}
