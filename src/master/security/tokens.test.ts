import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { RealRandom } from '../../io/random.ts'
import { matchToken, newToken } from './tokens.ts'

const random = new RealRandom()
const admin = newToken(random, { name: 'first', role: 'admin', expiresAt: null }, 1000)
const guest = newToken(random, { name: 'guest', role: 'viewer', expiresAt: 5000 }, 1000)
const records = [admin.record, guest.record]

describe('tokens', () => {
  it('have 256 random bits, of which the record holds a hash only', () => {
    expect(admin.token).toMatch(/^basalt_[A-Za-z0-9_-]{43}$/)
    expect(admin.token).not.toBe(guest.token)
    expect(admin.record).toMatchObject({ name: 'first', role: 'admin', createdAt: 1000, expiresAt: null })
    expect(admin.record.sha256).toBe(createHash('sha256').update(admin.token).digest('hex'))
    expect(JSON.stringify(records)).not.toContain(admin.token.slice(7))
  })

  it('are known until they expire', () => {
    expect(matchToken(records, admin.token, 1e15)).toEqual({ kind: 'known', record: admin.record })
    expect(matchToken(records, guest.token, 4999)).toEqual({ kind: 'known', record: guest.record })
    expect(matchToken(records, guest.token, 5000)).toEqual({ kind: 'expired', record: guest.record })
  })

  it('are unknown otherwise, whatever they look like', () => {
    const last = admin.token.at(-1) === 'A' ? 'B' : 'A'
    const others = ['', 'basalt_', admin.record.sha256, admin.token.slice(0, -1) + last, `${admin.token} `]
    for (const other of others) expect(matchToken(records, other, 2000), other).toEqual({ kind: 'unknown' })
    expect(matchToken([], admin.token, 2000)).toEqual({ kind: 'unknown' })
    expect(matchToken([{ ...admin.record, sha256: 'short' }], admin.token, 2000).kind).toBe('unknown')
  })
})
