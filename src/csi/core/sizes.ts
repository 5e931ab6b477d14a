/** Sizes that an orchestrator asks for: at least so much, at most so much. Volumes are multiples of 4 KiB. */
import { alignUp, BLOCK_BYTES, GIB } from '../../base/units.ts'
import { VOLUME_BYTES_MAX, VOLUME_BYTES_MIN } from '../../base/volume-limits.ts'
import type { CapacityRange__Output } from '../../gen/csi/v1/CapacityRange.ts'
import { CsiError } from '../server/csi-error.ts'

/** Of a volume whose size nobody cares about. */
const DEFAULT_BYTES = GIB

export interface SizeRange {
  /** 0: not given. */
  readonly requiredBytes: number
  /** Infinity: not given. */
  readonly limitBytes: number
}

/** INVALID_ARGUMENT for negative numbers; OUT_OF_RANGE for a range that is empty or beyond what a volume can be. */
export function parseRange(range: CapacityRange__Output | null): SizeRange {
  const requiredBytes = byteCount(range?.requiredBytes ?? '0', 'required_bytes')
  const limit = byteCount(range?.limitBytes ?? '0', 'limit_bytes')
  const limitBytes = limit === 0 ? Number.POSITIVE_INFINITY : limit
  if (requiredBytes > limitBytes) {
    throw outOfRange(`required_bytes ${requiredBytes} is more than limit_bytes ${limitBytes}`)
  }
  if (requiredBytes > VOLUME_BYTES_MAX) {
    throw outOfRange(`a volume has at most ${VOLUME_BYTES_MAX} bytes, not ${requiredBytes}`)
  }
  return { requiredBytes, limitBytes }
}

/** What a volume gets, at least `leastBytes` (of what it is made of, else 0). OUT_OF_RANGE when the limit is less. */
export function chooseSize({ requiredBytes, limitBytes }: SizeRange, leastBytes: number): number {
  const isFree = requiredBytes === 0 && leastBytes === 0
  const wishedBytes = isFree ? Math.min(DEFAULT_BYTES, limitBytes) : Math.max(requiredBytes, leastBytes)
  // a wish that came from the limit is rounded down to it
  const sizeBytes = isFree ? wishedBytes - (wishedBytes % BLOCK_BYTES) : alignUp(wishedBytes, BLOCK_BYTES)
  const chosenBytes = Math.max(VOLUME_BYTES_MIN, sizeBytes)
  if (chosenBytes <= limitBytes) return chosenBytes
  throw outOfRange(
    leastBytes > limitBytes
      ? `limit_bytes ${limitBytes} is less than the ${leastBytes} bytes of the content source`
      : `a volume of at least ${requiredBytes} bytes has ${chosenBytes}, which is more than limit_bytes ${limitBytes}`,
  )
}

export const isWithin = ({ requiredBytes, limitBytes }: SizeRange, sizeBytes: number): boolean =>
  sizeBytes >= requiredBytes && sizeBytes <= limitBytes

function byteCount(text: string, field: string): number {
  const bytes = Number(text)
  if (!Number.isFinite(bytes) || bytes < 0) {
    throw new CsiError(
      'INVALID_ARGUMENT',
      `capacity_range.${field}: ${text.slice(0, 40)} is no number of bytes`,
    )
  }
  // beyond 2^53 it is more than any volume, however it is rounded
  return bytes
}

const outOfRange = (message: string): CsiError => new CsiError('OUT_OF_RANGE', `capacity_range: ${message}`)
