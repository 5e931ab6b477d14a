import { describe, expect, it } from 'vitest'
import { readTargets } from './targets.ts'

const HERE = { host: '127.0.0.1', port: 3260 }
const pair = (text: string) => {
  const at = text.indexOf('=')
  return { key: text.slice(0, at), value: text.slice(at + 1) }
}

describe('readTargets', () => {
  it('gives each target the addresses behind it', () => {
    const answer = [
      'TargetName=iqn.a:1',
      'TargetAddress=10.0.0.1:3260,1',
      'TargetAddress=[fd00::1]:3261,2',
      'TargetName=iqn.a:2',
      'TargetAddress=10.0.0.2',
    ].map(pair)
    expect(readTargets(answer, HERE)).toEqual([
      {
        targetName: 'iqn.a:1',
        portals: [
          { address: { host: '10.0.0.1', port: 3260 }, portalGroupTag: 1 },
          { address: { host: 'fd00::1', port: 3261 }, portalGroupTag: 2 },
        ],
      },
      {
        targetName: 'iqn.a:2',
        portals: [{ address: { host: '10.0.0.2', port: 3260 }, portalGroupTag: undefined }],
      },
    ])
  })

  it('takes a target without an address to be where it was asked for', () => {
    expect(readTargets([pair('TargetName=iqn.a:1')], HERE)).toEqual([
      { targetName: 'iqn.a:1', portals: [{ address: HERE, portalGroupTag: undefined }] },
    ])
  })

  it.each([['TargetAddress=10.0.0.1,1'], ['TargetName=iqn.a:1', 'TargetAddress=not an address']])(
    'refuses %j',
    (...answer) => {
      expect(() => readTargets(answer.map(pair), HERE)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }))
    },
  )
})
