import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { choosePorts, defaultPorts } from './addresses.ts'

/** Holds a port of 127.0.0.1 for the time of `body`. */
async function holding<T>(body: (port: number) => Promise<T>): Promise<T> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  try {
    return await body(typeof bound === 'object' && bound !== null ? bound.port : 0)
  } finally {
    server.close()
  }
}

const all = ({ master, servers }: ReturnType<typeof defaultPorts>): number[] =>
  [master, ...servers].flatMap((ports) => Object.values(ports))

describe('ports of a cluster on one machine', () => {
  it('are the defaults, and 100 more for each further server', () => {
    const { master, servers } = defaultPorts(3)
    expect(master).toEqual({ http: 7470, grpc: 7471 })
    expect(servers[0]).toEqual({ iscsi: 3260, nvme: 4420, replication: 7460, grpc: 7461, http: 7462 })
    expect(servers[2]).toEqual({ iscsi: 3460, nvme: 4620, replication: 7660, grpc: 7661, http: 7662 })
    expect(new Set(all(defaultPorts(9))).size).toBe(47)
  })

  it('are those of the last start, and one that is taken is replaced and named', async () => {
    const { ports: kept } = await choosePorts(3, undefined)
    await holding(async (taken) => {
      const [first, second, third] = kept.servers
      if (first === undefined || second === undefined || third === undefined) throw new Error('three servers')
      const asked = { ...kept, servers: [first, { ...second, iscsi: taken }, third] }
      const { ports, displaced } = await choosePorts(3, asked)
      const used = ports.servers[1]?.iscsi
      expect(displaced).toContainEqual({ what: 'iSCSI of server-2', wanted: taken, used })
      expect(used).not.toBe(taken)
      expect(new Set(all(ports)).size).toBe(17)
    })
  })

  it('are each given out once, and more servers than last time get the defaults', async () => {
    const { ports: kept } = await choosePorts(1, undefined)
    const [only] = kept.servers
    if (only === undefined) throw new Error('one server')
    const { ports } = await choosePorts(2, { ...kept, servers: [only, only] })
    expect(new Set(all(ports)).size).toBe(12)
    expect((await choosePorts(3, kept)).ports.servers).toHaveLength(3)
  })
})
