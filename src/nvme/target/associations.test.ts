import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { HOST_NQN, NQN, NvmeTargetHarness, PORTAL, turn } from '../../../test/e2e/nvme/target-harness.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import { AdminOpcode, FABRICS_OPCODE, FabricsType, IoOpcode } from '../commands.ts'
import type { Authentication } from '../controller/authentication.ts'
import { blockRequest, NvmeBlockClient } from '../initiator/block-client.ts'
import type { NvmeRequest } from '../initiator/command.ts'
import { STATUS } from '../status.ts'

/** A clock of the host's own: it sends no Keep Alive, for its time stands still. */
const STILL = new ManualClock()

describe('the life of an association', () => {
  it('ends when the host is silent for longer than its keep alive time', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect({ clock: STILL, keepAliveMs: 5000 })
    for (let i = 0; i < 12; i++) {
      h.clock.advance(1000)
      if (i % 4 === 3) await new NvmeBlockClient(controller).flush()
    }
    expect(controller.isOpen).toBe(true)
    h.clock.advance(7000)
    expect((await controller.closed).code).toBe('DISCONNECTED')
    expect(h.target.sessions()).toEqual([])
  })

  it('a stop of the whole process is not the silence of the host', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect({ clock: STILL, keepAliveMs: 5000 })
    h.clock.advance(1000)
    h.clock.jump(60_000)
    await new NvmeBlockClient(controller).flush()
    h.clock.advance(3000)
    expect(controller.isOpen).toBe(true)
  })

  it('a connection that does not come to a Connect ends', async () => {
    const h = await new NvmeTargetHarness().serve()
    const connection = h.net.open()
    h.clock.advance(14_999)
    await turn()
    expect(connection.isClosed).toBe(false)
    h.clock.advance(1)
    await turn()
    expect(connection.isClosed).toBe(true)
  })

  it('more controllers than there may be are told to come again', async () => {
    const h = await new NvmeTargetHarness({ limits: { controllersPerSubsystemMax: 2 } }).serve()
    const [first] = [await h.connect(), await h.connect()]
    await expect(h.connect()).rejects.toMatchObject({ code: 'BUSY' })
    await first.disconnect()
    await turn()
    expect((await h.connect()).isOpen).toBe(true)
  })

  it('a subsystem that is not here: never, or later', async () => {
    const h = new NvmeTargetHarness({ resolve: (nqn) => (nqn === NQN ? 'later' : 'unknown') })
    await h.target.listen(PORTAL)
    await expect(h.connect()).rejects.toMatchObject({ code: 'BUSY' })
    await expect(h.connect({ subsystemNqn: `${NQN}-x` })).rejects.not.toMatchObject({ code: 'BUSY' })
  })

  it('little memory makes commands wait, and every one of them ends', async () => {
    const h = await new NvmeTargetHarness({
      limits: { bytesMax: 300_000, connectionBytesMax: 200_000 },
    }).serve()
    const controller = await h.connect({ queues: 3 })
    const client = new NvmeBlockClient(controller)
    const blocks = 256
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const data = new Uint8Array(blocks * 512).fill(i + 1)
        await client.write({ lba: i * blocks, blocks }, data)
        const back = new Uint8Array(blocks * 512)
        await client.read({ lba: i * blocks, blocks }, back)
        expect(Buffer.compare(back, data)).toBe(0)
      }),
    )
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('Abort of a command that the device holds: aborted, or not before it is answered', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect()
    h.device.hold()
    const write = controller.execute(
      blockRequest(IoOpcode.write, { lba: 0, blocks: 1 }, { dataOut: new Uint8Array(512).fill(7) }),
    )
    await turn()
    const cids = Array.from({ length: 8 }, (_, cid) => cid)
    const aborts = Promise.all(
      cids
        .slice(0, 4)
        .map((cid) =>
          controller.admin('Abort', { opcode: AdminOpcode.abort, cdw10: (1 | (cid << 16)) >>> 0 }),
        ),
    )
    await turn()
    h.device.letGo()
    const answers = (await aborts).map(({ dw0 }) => dw0)
    const { status } = await write
    const wasAborted = (status & 0x7ff) === STATUS.ABORT_REQUESTED
    expect(answers.includes(0)).toBe(wasAborted)
    const back = new Uint8Array(512)
    await h.device.read(0, back)
    expect(back[0]).toBe(status === 0 ? 7 : 0)
  })
})

describe('authentication', () => {
  /** The host says "open" or anything else; the controller answers what it heard. */
  const authentication: Authentication = {
    begin: () => {
      let state: 'running' | 'authenticated' | 'failed' = 'running'
      let heard = new Uint8Array(0)
      return {
        get state() {
          return state
        },
        send: (message) => {
          heard = Uint8Array.from(message)
          state = Buffer.from(message).toString() === 'open' ? 'authenticated' : 'failed'
        },
        receive: (lengthMax) => heard.slice(0, lengthMax),
      }
    },
  }
  const access = {
    ...OPEN_ACCESS,
    dhchap: [{ host: HOST_NQN, secret: Secret.fromText('DHHC-1:00:x:') }],
  }
  const send = (text: string): NvmeRequest => ({
    opcode: FABRICS_OPCODE,
    fctype: FabricsType.authenticationSend,
    cdw10: 0xe901_0100,
    cdw11: text.length,
    dataOut: Buffer.from(text),
  })

  it('nothing else is taken before it, on each queue', async () => {
    const h = await new NvmeTargetHarness({ access, authentication }).serve()
    const before: number[] = []
    const controller = await h.connect({
      authenticate: async (queue) => {
        before.push((await queue.execute({ opcode: AdminOpcode.keepAlive, nsid: 0 })).status & 0x7ff)
        expect((await queue.execute(send('open'))).status).toBe(0)
      },
    })
    expect(before).toEqual([STATUS.AUTHENTICATION_REQUIRED, STATUS.AUTHENTICATION_REQUIRED])
    await new NvmeBlockClient(controller).flush()
  })

  it('a host without a secret, or a target that cannot ask, lets nobody in', async () => {
    const h = await new NvmeTargetHarness({ access, authentication }).serve()
    await expect(h.connect({ hostNqn: `${HOST_NQN}2` })).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const without = await new NvmeTargetHarness({ access }).serve()
    await expect(without.connect()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('who fails is not served, and his time runs out', async () => {
    const h = await new NvmeTargetHarness({ access, authentication }).serve()
    const statuses: number[] = []
    await expect(
      h.connect({
        authenticate: async (queue) => {
          await queue.execute(send('sesame'))
          statuses.push((await queue.execute(send('open'))).status & 0x7ff)
          throw new Error('given up')
        },
      }),
    ).rejects.toThrow('given up')
    expect(statuses).toEqual([STATUS.COMMAND_SEQUENCE_ERROR])
  })
})
