import { describe, expect, test } from 'vitest'
import { parseNodesFile } from './nodes-file.ts'

const FINGERPRINT = `SHA256:${'a'.repeat(43)}`

function problems(text: string): readonly string[] {
  try {
    parseNodesFile(text, 'nodes.yaml')
  } catch (error) {
    return (error as Error).message.split('\n')
  }
  return []
}

describe('a file of nodes', () => {
  test('everything it can say', () => {
    const text = `
known_hosts: keys/known
defaults: {user: ops, sudo: true, dir: /srv/runs/}
nodes:
  - {name: s1, host: 192.0.2.1, port: 2222, key: id, alt_ips: [10.0.0.1], product: /opt/basalt}
  - {name: h1, host: box.example, user: root, sudo: false, fingerprint: "${FINGERPRINT}"}
`
    expect(parseNodesFile(text, '/lab/nodes.yaml')).toEqual([
      {
        ...{ name: 's1', host: '192.0.2.1', port: 2222, user: 'ops', keyPath: '/lab/id', fingerprint: null },
        ...{ knownHostsPath: '/lab/keys/known', dataAddress: '10.0.0.1', hasSudo: true },
        ...{ directory: '/srv/runs', productPath: '/opt/basalt' },
      },
      {
        ...{
          name: 'h1',
          host: 'box.example',
          port: 22,
          user: 'root',
          keyPath: null,
          fingerprint: FINGERPRINT,
        },
        ...{ knownHostsPath: null, dataAddress: null, hasSudo: false },
        ...{ directory: '/srv/runs', productPath: null },
      },
    ])
  })

  test('every problem is told with its place', () => {
    const text = `nodes:
  - name: server1
    host: -oProxyCommand=x
    prot: 22
  - name: s1
    host: a
    fingerprint: MD5:00
    dir: runs
    sudo: "yes"
    port: 0
  - name: s1
`
    expect(problems(text)).toEqual([
      'nodes.yaml:4:5: prot: unknown key; did you mean port?',
      'nodes.yaml:2:11: name: must be of a machine: m1, s1, h1',
      'nodes.yaml:3:11: host: must be a name or an address',
      'nodes.yaml:2:5: give `fingerprint`, or `known_hosts` for all: a host key that nobody knows is not trusted',
      'nodes.yaml:7:18: fingerprint: must be SHA256:…, as `ssh-keygen -lf` prints it',
      'nodes.yaml:10:11: port: must be between 1 and 65535',
      'nodes.yaml:9:11: sudo: must be true or false',
      'nodes.yaml:8:10: dir: must be absolute',
      'nodes.yaml:11:5: host: is missing',
      'nodes.yaml:11:5: give `fingerprint`, or `known_hosts` for all: a host key that nobody knows is not trusted',
      'nodes.yaml:11:11: name: s1 is there twice',
    ])
  })

  test.each([
    ['[]', 'nodes.yaml:1:1: must be a map with `nodes`'],
    ['nodes: []', 'nodes.yaml:1:8: nodes: must be a list of at least one'],
    ['nodes: [x]', 'nodes.yaml:1:9: a node must be a map'],
    ['nodes: [{host: x}]', 'nodes.yaml:1:9: name: is missing, e.g. s1'],
    ['known_hosts: k\nnodes: [{name: s1, host: x, dir: /}]', 'nodes.yaml:2:34: dir: must be absolute'],
  ])('%s', (text, problem) => {
    expect(problems(text)).toEqual([problem])
  })
})
