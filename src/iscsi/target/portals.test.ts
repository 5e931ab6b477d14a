import { expect, it } from 'vitest'
import { advertisedPortals, type Portal } from './portals.ts'

const portal = (host: string, port: number, advertise?: { host: string; port: number }): Portal => ({
  listener: { host, port, close: async () => undefined },
  advertise,
  index: 0,
})

it('initiators are told the address that they can use', () => {
  const addresses = (portals: Portal[], localAddress = '10.0.0.5:3260') =>
    advertisedPortals(portals, localAddress).map(({ address }) => address)
  expect(addresses([portal('127.0.0.1', 3261)])).toEqual(['127.0.0.1:3261'])
  expect(addresses([portal('0.0.0.0', 3261)])).toEqual(['10.0.0.5:3261'])
  expect(addresses([portal('::', 3261)])).toEqual(['10.0.0.5:3261'])
  expect(addresses([portal('::', 3261)], '[fd00::5]:3260')).toEqual(['[fd00::5]:3261'])
  expect(addresses([portal('::1', 3261)])).toEqual(['[::1]:3261'])
  expect(addresses([portal('127.0.0.1', 3261, { host: '10.0.2.2', port: 3260 })])).toEqual(['10.0.2.2:3260'])
  expect(addresses([portal('0.0.0.0', 1), portal('10.0.0.5', 1), portal('10.0.0.6', 1)])).toEqual([
    '10.0.0.5:1',
    '10.0.0.6:1',
  ])
})

it('of two portals with one address the first is told', () => {
  const first = portal('0.0.0.0', 1)
  const second = { ...portal('10.0.0.5', 1), index: 1 }
  expect(advertisedPortals([first, second], '10.0.0.5:1')).toEqual([{ address: '10.0.0.5:1', index: 0 }])
})
