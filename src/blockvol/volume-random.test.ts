import { describe, expect, it } from 'vitest'
import { filled, freshVolume, openVolume, portsWith, useScratch } from '../../test/blockvol/scratch.ts'
import { SeededRandom } from '../../test/sim/random.ts'
import { KIB, MIB } from '../base/units.ts'
import type { Volume } from './volume.ts'

const SIZE_BYTES = MIB
const RESIZED_BYTES = 2 * MIB

/** A volume and the array of bytes that it should be. */
class Pair {
  readonly #random: SeededRandom
  readonly #unit: number
  #bytes = new Uint8Array(SIZE_BYTES)
  #frontendState = new Uint8Array(0)

  constructor(random: SeededRandom, unit: number) {
    this.#random = random
    this.#unit = unit
  }

  /** A range of at most `lengthMax` bytes, as often as not in whole blocks of 4 KiB. */
  #range(lengthMax: number): { offset: number; length: number } {
    const unit = this.#random.chance(0.5) ? 4096 : this.#unit
    const length = unit * (1 + this.#random.integer(Math.max(1, lengthMax / unit)))
    const places = Math.max(1, (this.#bytes.byteLength - length) / unit + 1)
    const offset = unit * this.#random.integer(Math.floor(places))
    return { offset, length: Math.min(length, this.#bytes.byteLength - offset) }
  }

  async step(volume: Volume): Promise<void> {
    const random = this.#random
    const what = random.weighted({
      write: 30,
      read: 15,
      trim: 6,
      writeZeroes: 4,
      writeSame: 6,
      compareAndWrite: 8,
      modify: 6,
      flush: 6,
      checkpoint: 2,
      frontendState: 1,
      resize: 0.3,
    })
    const fua = random.chance(0.1)
    switch (what) {
      case 'write': {
        const { offset, length } = this.#range(40 * KIB)
        const data = filled(random.integer(1000), length)
        this.#bytes.set(data, offset)
        return volume.write(offset, data, { fua })
      }
      case 'read': {
        const { offset, length } = this.#range(64 * KIB)
        const target = new Uint8Array(length).fill(0xee)
        if (!volume.readNow(offset, target)) await volume.read(offset, target)
        return this.#expectSame(target, offset)
      }
      case 'trim':
      case 'writeZeroes': {
        const { offset, length } = this.#range(200 * KIB)
        this.#bytes.fill(0, offset, offset + length)
        return volume[what](offset, length, { fua })
      }
      case 'writeSame': {
        const { offset, length } = this.#range(100 * KIB)
        const pattern = random.chance(0.2)
          ? new Uint8Array(this.#unit)
          : filled(random.integer(99), this.#unit)
        for (let at = 0; at < length; at += this.#unit) this.#bytes.set(pattern, offset + at)
        return volume.writeSame(offset, length, pattern, { fua })
      }
      case 'compareAndWrite': {
        const { offset, length } = this.#range(8 * KIB)
        const expected = this.#bytes.slice(offset, offset + length)
        const data = filled(random.integer(1000), length)
        const mismatchAt = random.chance(0.4) ? random.integer(length) : -1
        if (mismatchAt >= 0) expected[mismatchAt]! ^= 1
        else this.#bytes.set(data, offset)
        const result = await volume.compareAndWrite(offset, expected, data, { fua })
        expect(result).toEqual(
          mismatchAt < 0 ? { equal: true } : { equal: false, mismatchOffsetBytes: mismatchAt },
        )
        return
      }
      case 'modify': {
        const { offset, length } = this.#range(16 * KIB)
        const combine = (content: Uint8Array): void => {
          for (let i = 0; i < content.byteLength; i++) content[i]! |= i & 0x55
        }
        combine(this.#bytes.subarray(offset, offset + length))
        return volume.readModifyWrite(offset, length, combine, { fua })
      }
      case 'flush':
        return volume.flush()
      case 'checkpoint':
        return volume.checkpoint()
      case 'frontendState':
        this.#frontendState = Uint8Array.from(random.bytes(random.integer(6000)))
        return volume.setFrontendState(this.#frontendState)
      case 'resize': {
        const larger = new Uint8Array(RESIZED_BYTES)
        larger.set(this.#bytes)
        this.#bytes = larger
        return volume.resize(RESIZED_BYTES)
      }
    }
  }

  #expectSame(found: Uint8Array, offset: number): void {
    const meant = this.#bytes.subarray(offset, offset + found.byteLength)
    if (Buffer.compare(found, meant) === 0) return
    const at = found.findIndex((byte, i) => byte !== meant[i])
    expect.fail(`byte ${offset + at} is ${found[at]}, expected ${meant[at]}`)
  }

  async compare(volume: Volume): Promise<void> {
    expect(volume.sizeBytes).toBe(this.#bytes.byteLength)
    expect(Buffer.compare(volume.frontendState(), this.#frontendState)).toBe(0)
    const all = new Uint8Array(volume.sizeBytes)
    await volume.read(0, all)
    this.#expectSame(all, 0)
  }
}

describe('a volume is the same as a plain array', () => {
  const scratch = useScratch()
  it.each([
    [512, 64, 1],
    [512, 128, 2],
    [512, 256, 3],
    [4096, 64, 4],
    [4096, 256, 5],
  ] as const)(
    'through random operations: logical blocks of %i, log of %i KiB (seed %i)',
    async (unit, logKib, seed) => {
      const ports = portsWith()
      const directory = scratch.next()
      const random = new SeededRandom(seed)
      const pair = new Pair(random, unit)
      let volume = await freshVolume(ports, directory, {
        create: { sizeBytes: SIZE_BYTES, logicalBlockBytes: unit, logBytes: logKib * KIB },
      })
      for (let i = 0; i < 500; i++) {
        await pair.step(volume)
        if (random.chance(0.02)) {
          await volume.close()
          volume = await openVolume(ports, directory, { tuning: { mapCacheBytes: 0 } })
          await pair.compare(volume)
        }
      }
      await pair.compare(volume)
      expect(volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
      expect((await volume.scrub()).errors).toBe(0)
      await volume.close()
    },
  )
})
