import { describe, expect, it } from 'vitest'
import { parseIscsiUrl, parsePortal } from './url.ts'

const IQN = 'iqn.2026-11.io.basalt:volume'

describe('parseIscsiUrl', () => {
  it.each([
    [`iscsi://127.0.0.1/${IQN}`, { host: '127.0.0.1', port: 3260 }, 0],
    [`iscsi://127.0.0.1:13260/${IQN}/1`, { host: '127.0.0.1', port: 13260 }, 1],
    [`iscsi://[fd00::1]:3261/${IQN}/16383`, { host: 'fd00::1', port: 3261 }, 16383],
    [`iscsi://[fd00::1]/${IQN}/`, { host: 'fd00::1', port: 3260 }, 0],
    [`iscsi://host.example.org/${IQN.toUpperCase()}`, { host: 'host.example.org', port: 3260 }, 0],
  ])('reads %s', (url, portal, lun) => {
    expect(parseIscsiUrl(url)).toEqual({ portal, lun, targetName: IQN })
  })

  it('reads a user and a secret with any characters but a slash', () => {
    const { chap, portal } = parseIscsiUrl(`iscsi://alice%p%ss@word:1@127.0.0.1/${IQN}`)
    expect(portal.host).toBe('127.0.0.1')
    expect(chap?.user).toBe('alice')
    expect(chap?.secret.lend((bytes) => Buffer.from(bytes).toString())).toBe('p%ss@word:1')
  })

  it.each([
    `http://127.0.0.1/${IQN}`,
    'iscsi://127.0.0.1',
    'iscsi://127.0.0.1/volume',
    `iscsi://127.0.0.1/${IQN}/16384`,
    `iscsi://127.0.0.1/${IQN}/one`,
    `iscsi://127.0.0.1:70000/${IQN}`,
    `iscsi://alice@127.0.0.1/${IQN}`,
    `iscsi:///${IQN}`,
  ])('refuses %s', (url) => {
    expect(() => parseIscsiUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('keeps the secret out of its errors', () => {
    expect(() => parseIscsiUrl('iscsi://alice%hunter2hunter2@127.0.0.1/volume')).toThrow(/^(?!.*hunter2)/s)
  })
})

describe('parsePortal', () => {
  it.each([
    ['10.0.0.1', { host: '10.0.0.1', port: 3260 }],
    ['10.0.0.1:3261', { host: '10.0.0.1', port: 3261 }],
    ['[::1]', { host: '::1', port: 3260 }],
    ['[::1]:3261', { host: '::1', port: 3261 }],
  ])('reads %s', (text, expected) => {
    expect(parsePortal(text)).toEqual(expected)
  })
})
