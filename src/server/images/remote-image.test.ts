import { Server } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { patternAt } from '../../../test/e2e/target/support/host.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { MemoryImage } from '../../../test/support/memory-image.ts'
import { formatHostPort } from '../../base/address.ts'
import { BLOCK_BYTES, MIB } from '../../base/units.ts'
import { bind, SERVER_OPTIONS } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { imageHandlers } from './image-service.ts'
import { ImageTickets } from './image-tickets.ts'
import { RemoteImage } from './remote-image.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'
const BLOCKS = 6000

describe('an image that another server has', () => {
  const ports = realPorts()
  let image: MemoryImage
  let tickets: ImageTickets
  let server: Server
  let address: string
  let open: RemoteImage[]

  beforeEach(async () => {
    open = []
    const blocks = new Map<number, Uint8Array | null>()
    for (let block = 0; block < BLOCKS; block += 3) blocks.set(block, patternAt(block, BLOCK_BYTES))
    blocks.set(1, null)
    image = new MemoryImage({ sizeBytes: BLOCKS * BLOCK_BYTES, blocks })
    const onFatal = (error: unknown): never => {
      throw error
    }
    tickets = new ImageTickets({ ...ports, onFatal })
    server = new Server(SERVER_OPTIONS)
    server.addService(services().Images.service, imageHandlers({ ...ports, tickets }))
    const bound = await bind(server, { host: '127.0.0.1', port: 0 }, { tls: undefined, flag: '--grpc' })
    address = formatHostPort(bound)
  })
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()))
    await tickets.close()
    server.forceShutdown()
  })

  const remote = async (
    ticket = tickets.issue({ volume: VOLUME, snapshot: 7n, reader: null }, image),
  ): Promise<RemoteImage> => {
    const opened = await RemoteImage.open({ address, ticket, tls: undefined })
    open.push(opened)
    return opened
  }

  it('is what it is there', async () => {
    const there = await remote()
    const { identity, name, sizeBytes, logicalBlockBytes, history } = image
    expect({ ...there, identity, name }).toMatchObject({ sizeBytes, logicalBlockBytes, history })
    expect(there.identity).toEqual(identity)
    const request = { sinceLsn: 2, fromBlock: 2, limit: 1000 }
    const first = await there.changed(request)
    expect(first).toEqual(await image.changed(request))
    const rest = await there.changed({ ...request, fromBlock: first.nextBlock!, limit: 60_000 })
    expect(rest).toEqual(await image.changed({ ...request, fromBlock: first.nextBlock!, limit: 60_000 }))
    expect(rest.nextBlock).toBeNull()
    expect((await there.changed({ sinceLsn: 0, fromBlock: 0, limit: 3 })).blocks).toEqual([
      { block: 0, lsn: 1, kind: 'data' },
      { block: 1, lsn: 2, kind: 'hole' },
      { block: 3, lsn: 4, kind: 'data' },
    ])
  })

  it('is read in runs of any length, byte by byte the same', async () => {
    const there = await remote()
    for (const [block, blocks] of [
      [0, 1],
      [7, 300],
      [0, BLOCKS],
    ] as const) {
      const [got, wanted] = [1, 2].map(() => new Uint8Array(blocks * BLOCK_BYTES).fill(0xee))
      await there.read(block, got!)
      await image.read(block, wanted!)
      expect(Buffer.compare(got!, wanted!), `${blocks} from ${block}`).toBe(0)
    }
  })

  it('names the block that is bad, and refuses what is beyond the end', async () => {
    const there = await remote()
    image.bad.add(500)
    await expect(there.read(0, new Uint8Array(4 * MIB))).rejects.toMatchObject({ code: 'MEDIUM' })
    await expect(there.read(0, new Uint8Array(4 * MIB))).rejects.toThrow(/block 500/)
    await there.read(501, new Uint8Array(4 * MIB))
    const beyond = there.read(BLOCKS - 1, new Uint8Array(2 * BLOCK_BYTES))
    await expect(beyond).rejects.toMatchObject({ code: 'OUT_OF_RANGE' })
  })

  it('reads no more ahead than its reader takes', async () => {
    const there = await remote()
    const { promise: blocked, resolve } = Promise.withResolvers<void>()
    const second = Promise.withResolvers<void>()
    image.onRead = (block) => {
      if (block === 0) return undefined
      second.resolve()
      return blocked
    }
    const reading = there.read(0, new Uint8Array(8 * MIB))
    await second.promise
    expect(image.readBytes, 'one piece is on its way').toBe(MIB)
    resolve()
    await reading
    expect(image.readBytes).toBe(8 * MIB)
  })

  it('is closed with its ticket, and nobody has it without one', async () => {
    await expect(remote('0'.repeat(64))).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const there = await remote()
    const block = new Uint8Array(BLOCK_BYTES)
    await there.read(0, block)
    await there.close()
    expect(image.isClosed).toBe(true)
    const again = new MemoryImage({ sizeBytes: MIB, blocks: new Map() })
    const other = await remote(tickets.issue({ volume: VOLUME, snapshot: 7n, reader: null }, again))
    await tickets.endOf('22222222-2222-4333-8444-555555555555')
    await other.read(0, block)
    await tickets.endOf(VOLUME)
    expect(again.isClosed).toBe(true)
    await expect(other.read(0, block)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('cannot be had while its server is gone', async () => {
    const there = await remote()
    server.forceShutdown()
    await expect(there.read(0, new Uint8Array(BLOCK_BYTES))).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })
})
