import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { parseHostPort } from '../../base/address.ts'
import {
  advertised,
  CLUSTER_SETTINGS,
  type ClusterSettings,
  checkClusterSettings,
  serverNameOf,
} from './cluster-settings.ts'

const address = (text: string) => parseHostPort(text, 'test')
const settings = (changes: Partial<ClusterSettings> & { replication?: string } = {}) => ({
  ...{ master: [address('127.0.0.1:7471')], 'join-token-file': undefined, name: undefined },
  ...{ zone: undefined, rack: undefined, 'disk-type': 'ssd' as const, advertise: undefined },
  ...{ 'advertise-grpc': undefined, 'advertise-replication': undefined },
  grpc: address('127.0.0.1:7461'),
  http: address('127.0.0.1:7462'),
  ...changes,
  replication: address(changes.replication ?? '127.0.0.1:7460'),
})

describe('settings of a member of a cluster', () => {
  it('take several masters, names and places', () => {
    expect(CLUSTER_SETTINGS.master.parse('a:1, [::1]:2', '--master')).toEqual([
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ])
    expect(CLUSTER_SETTINGS.name.parse('s-1.example', '--name')).toBe('s-1.example')
    expect(CLUSTER_SETTINGS['disk-type'].parse('hdd', '--disk-type')).toBe('hdd')
    expect(CLUSTER_SETTINGS.zone.parse('z1', '--zone')).toBe('z1')
    // of a machine whose label is missing
    expect(CLUSTER_SETTINGS.zone.parse('', 'BASALT_ZONE')).toBeUndefined()
    expect(CLUSTER_SETTINGS.rack.parse('', 'BASALT_RACK')).toBeUndefined()
    expect(CLUSTER_SETTINGS.advertise.parse('[fd00::1]', '--advertise')).toBe('fd00::1')
    expect(CLUSTER_SETTINGS['advertise-grpc'].parse('10.0.0.1:17461', '--advertise-grpc')).toEqual({
      host: '10.0.0.1',
      port: 17461,
    })
  })

  it.each([
    ['master', 'nowhere', /HOST:PORT/],
    ['master', Array(17).fill('a:1').join(','), /17 masters/],
    ['name', '../s1', /--name: '..\/s1' is not a name/],
    ['name', 'a'.repeat(254), /is not a name/],
    ['zone', 'z\u0000', /--zone/],
    ['rack', 'a'.repeat(64), /at most 63/],
    ['disk-type', 'tape', /use one of ssd, hdd, nvme/],
    ['advertise', '10.0.0.1:7461', /--advertise/],
    ['advertise-grpc', '10.0.0.1:0', /--advertise-grpc: others cannot connect to 10.0.0.1:0/],
    ['advertise-replication', '0.0.0.0:7460', /--advertise-replication: others cannot connect/],
  ] as const)('say what is wrong with --%s %s', (name, text, message) => {
    expect(() => CLUSTER_SETTINGS[name].parse(text, `--${name}`)).toThrow(message)
  })

  it('want certificates outside loopback, and an address that others can reach', () => {
    const check = (changes: Parameters<typeof settings>[0], hasTls: boolean) => () =>
      checkClusterSettings(settings(changes), hasTls)
    expect(check({}, false)).not.toThrow()
    expect(check({ master: undefined, grpc: address('0.0.0.0:1') }, false)).not.toThrow()
    expect(check({ master: [address('10.0.0.1:7471')] }, false)).toThrow(/^--master 10.0.0.1:7471 .*--tls-ca/)
    expect(check({ grpc: address('10.0.0.2:7461') }, false)).toThrow(/^--grpc 10.0.0.2:7461/)
    expect(check({ grpc: address('10.0.0.2:7461') }, true)).not.toThrow()
    expect(check({ replication: '[::]:7460' }, true)).toThrow(/^--replication \[::\]:7460 .*--advertise/)
    expect(check({ replication: '0.0.0.0:7460', advertise: '10.0.0.2' }, true)).not.toThrow()
    const mapped = { 'advertise-replication': address('10.0.0.2:17460') }
    expect(check({ replication: '0.0.0.0:7460', ...mapped }, true)).not.toThrow()
  })

  it('tell others an address of their own, and a name', () => {
    expect(advertised(address('0.0.0.0:7460'), '10.0.0.2')).toBe('10.0.0.2:7460')
    expect(advertised(address('10.0.0.3:7460'), undefined)).toBe('10.0.0.3:7460')
    expect(serverNameOf(settings({ name: 's1' }))).toBe('s1')
    expect([hostname(), 'server']).toContain(serverNameOf(settings()))
  })
})
