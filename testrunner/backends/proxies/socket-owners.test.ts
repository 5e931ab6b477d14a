import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { inodesIn, SocketOwners } from './socket-owners.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 500 1 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 501 1 0
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 502 1 0
   3: 0100007F:C351 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0
`

describe('owners of connections', () => {
  const clean: (() => void)[] = []
  afterEach(() => {
    for (const one of clean.splice(0)) one()
  })

  it('reads the connecting side out of the table of the kernel', () => {
    const wanted = [
      { port: 50000, peerPort: 8080, resolve: () => undefined },
      { port: 50001, peerPort: 8080, resolve: () => undefined },
    ]
    expect([...inodesIn(TABLE, wanted).entries()]).toEqual([[wanted[0], '502']])
  })

  it('tells the machine whose process connects from others, and from what is gone', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    clean.push(() => server.close())
    const bound = server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const child = spawn(process.execPath, [
      '-e',
      `require('net').connect(${port}, '127.0.0.1').on('error', () => 0)`,
    ])
    clean.push(() => child.kill('SIGKILL'))
    const [theirs] = (await once(server, 'connection')) as [Socket]
    const own = connect(port, '127.0.0.1')
    const [ours] = (await once(server, 'connection')) as [Socket]
    clean.push(
      () => theirs.destroy(),
      () => ours.destroy(),
      () => own.destroy(),
    )

    const owners = new SocketOwners({ processes: () => new Map([['s1', [child.pid ?? 0]]]), others: 'h*' })
    const found = await Promise.all([
      owners.of(theirs.remotePort ?? 0, port),
      owners.of(ours.remotePort ?? 0, port),
      owners.of(1, port),
    ])
    expect(found).toEqual(['s1', 'h*', null])
  })
})
