import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { parseDhchapSecret } from './dhchap-secret.ts'

function secretOf(hash: number, lengthBytes: number): string {
  const key = Buffer.from(Array.from({ length: lengthBytes }, (_, at) => (at * 37 + hash) % 256))
  const check = Buffer.alloc(4)
  check.writeUInt32LE(crc32(key))
  return `DHHC-1:0${hash}:${Buffer.concat([key, check]).toString('base64')}:`
}

describe('a secret of DH-HMAC-CHAP', () => {
  it('is read in each of its forms', () => {
    for (const [hash, length] of [
      [0, 32],
      [0, 48],
      [0, 64],
      [1, 32],
      [2, 48],
      [3, 64],
    ] as const) {
      const read = parseDhchapSecret(secretOf(hash, length), 'secret')
      expect(read.hash).toBe(hash)
      expect([...read.key.subarray(0, 2)]).toEqual([hash, 37 + hash])
      expect(read.key.length).toBe(length)
    }
  })

  it('is refused when a character of it is wrong, and never shown', () => {
    const good = secretOf(1, 32)
    const swapped = `${good.slice(0, 14)}${good[14] === 'A' ? 'B' : 'A'}${good.slice(15)}`
    const wrong: [string, RegExp][] = [
      [swapped, /check value/],
      [good.replace('DHHC-1', 'DHHC-2'), /form/],
      [good.replace(':01:', ':04:'), /form/],
      [good.slice(0, -1), /form/],
      [` ${good}`, /form/],
      [good.replace(':01:', ':02:'), /32 bytes; with 02 it has 48/],
      [secretOf(0, 33), /33 bytes/],
      [secretOf(1, 32).replace(/.(=*):$/, '!$1:'), /form/],
    ]
    for (const [secret, why] of wrong) {
      let message = 'taken'
      try {
        parseDhchapSecret(secret, 'dhchap.secret')
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toMatch(why)
      expect(message).not.toContain(secret.slice(12, 24))
    }
  })
})
