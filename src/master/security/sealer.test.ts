import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { RealRandom } from '../../io/random.ts'
import { clearAccess } from './clear-access.ts'
import { newSecretsKeyLine, Sealer } from './sealer.ts'

const random = new RealRandom()
const line = newSecretsKeyLine(random)
const sealer = new Sealer(random, line, 'FILE')
const opened = (by: Sealer, sealed: string): string =>
  by.open(sealed).lend((bytes) => Buffer.from(bytes).toString())

describe('Sealer', () => {
  it('opens what it sealed, and seals the same text differently each time', () => {
    for (const text of ['correct horse battery', '', 'gehäuse', 'x'.repeat(1024)]) {
      const sealed = sealer.seal(text)
      expect(opened(sealer, sealed)).toBe(text)
      expect(sealed).not.toBe(sealer.seal(text))
      if (text !== '') expect(sealed).not.toContain(Buffer.from(text).toString('base64url'))
    }
    expect(() => sealer.seal('x'.repeat(1025))).toThrow('at most 1024 bytes')
  })

  it('opens what an older key sealed, and seals with the first one', () => {
    const rotated = new Sealer(random, newSecretsKeyLine(random) + line, 'FILE')
    expect(rotated.keyId).not.toBe(sealer.keyId)
    expect(opened(rotated, sealer.seal('old'))).toBe('old')
    expect(() => sealer.open(rotated.seal('new'))).toThrow(
      `a secret was sealed with key ${rotated.keyId}, which the secrets key file does not hold`,
    )
  })

  it('refuses what was changed anywhere', () => {
    const sealed = sealer.seal('secret')
    const [version, id = '', body = ''] = sealed.split('.')
    for (let i = 0; i < body.length - 1; i++) {
      const changed = body.slice(0, i) + (body[i] === 'A' ? 'B' : 'A') + body.slice(i + 1)
      expect(() => sealer.open(`${version}.${id}.${changed}`)).toThrow('was changed')
    }
    for (const other of ['', 'secret', `v2.${id}.${body}`, `v1.${id}.${body.slice(0, 20)}`]) {
      expect(() => sealer.open(other)).toThrow('a form that is not known')
    }
  })

  it('does not take a secret for one of another key', () => {
    const other = newSecretsKeyLine(random).split(' ')
    const renamed = `${other[0]} ${other[1]} ${line.split(' ')[2]}`
    const both = new Sealer(random, line + renamed, 'FILE')
    const sealed = sealer.seal('secret').replace(sealer.keyId, other[1] ?? '')
    expect(() => both.open(sealed)).toThrow('was changed')
  })

  it('refuses key files that are not key files, and names the line', () => {
    const files = ['', '\n', 'hunter2', `${line}${line}`, `${line}basalt-secrets-key 00 AA==`]
    for (const file of files) {
      expect(() => new Sealer(random, file, '--secrets-key: FILE'), file).toThrow(/^--secrets-key: FILE: /)
    }
    expect(() => new Sealer(random, `${line}x`, 'F')).toThrow('line 2')
  })

  it('gives servers what a volume has sealed', () => {
    const chap = { user: 'host', sealedSecret: sealer.seal('secret-of-host'), mutual: null }
    const none = { hosts: null, dhchap: [] }
    expect(clearAccess(sealer, { ...none, initiators: ['iqn.x'], chap })).toEqual({
      ...none,
      initiators: ['iqn.x'],
      chap: { user: 'host', secret: 'secret-of-host', mutual: null },
    })
    const mutual = { user: 'target', sealedSecret: sealer.seal('secret-of-target') }
    expect(
      clearAccess(sealer, { ...none, initiators: null, chap: { ...chap, mutual } }).chap?.mutual,
    ).toEqual({
      user: 'target',
      secret: 'secret-of-target',
    })
    const closed = { initiators: [], chap: null, hosts: ['nqn.a'] }
    expect(clearAccess(sealer, { ...closed, dhchap: [] })).toEqual({ ...closed, dhchap: [] })
    const dhchap = [
      {
        host: 'nqn.a',
        sealedSecret: sealer.seal('of-host'),
        sealedControllerSecret: sealer.seal('of-controller'),
      },
      { host: 'nqn.b', sealedSecret: sealer.seal('of-other'), sealedControllerSecret: null },
    ]
    expect(clearAccess(sealer, { ...closed, dhchap }).dhchap).toEqual([
      { host: 'nqn.a', secret: 'of-host', controllerSecret: 'of-controller' },
      { host: 'nqn.b', secret: 'of-other', controllerSecret: null },
    ])
  })

  it('shows no key', () => {
    expect(inspect(sealer, { depth: 9 }) + JSON.stringify(sealer)).not.toContain(line.split(' ')[2]?.trim())
  })
})
