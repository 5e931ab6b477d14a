/** Walks what Identify Controller advertises, and asks for each of it over a connection. */
import { describe, expect, it } from 'vitest'
import { NvmeTargetHarness } from '../../../test/e2e/nvme/target-harness.ts'
import { viewOf } from '../../base/binary.ts'
import { AdminOpcode, IoOpcode, NSID_ALL } from '../commands.ts'
import { blockRequest } from '../initiator/block-client.ts'
import type { NvmeRequest } from '../initiator/command.ts'
import type { NvmeHostController } from '../initiator/host-controller.ts'
import { getLogPage } from '../initiator/requests.ts'
import { formatStatus } from '../status.ts'

/** Status of an admin command, as `1/09!`. */
async function admin(controller: NvmeHostController, request: NvmeRequest): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  controller.submitAdmin(request, {
    completed: ({ status }) => resolve(formatStatus(status)),
    failed: reject,
  })
  return await promise
}

const io = async (controller: NvmeHostController, request: NvmeRequest): Promise<string> =>
  formatStatus((await controller.execute(request)).status)

const connect = async () => {
  const h = await new NvmeTargetHarness().serve()
  const controller = await h.connect()
  return { h, controller, view: viewOf(await controller.identify(0x01)) }
}
const OK = '0/00'
const INVALID_OPCODE = '0/01!'
const INVALID_FIELD = '0/02!'
const range = { lba: 0, blocks: 1 }

describe('what Identify Controller says is so', () => {
  it('ONCS: each bit has its command, and what has no bit is refused', async () => {
    const { controller, view } = await connect()
    const commands: readonly (readonly [bit: number, request: NvmeRequest, answer: string])[] = [
      [0, blockRequest(IoOpcode.compare, range, { dataOut: new Uint8Array(512) }), OK],
      [1, blockRequest(IoOpcode.writeUncorrectable, range), INVALID_OPCODE],
      [2, { opcode: IoOpcode.datasetManagement, nsid: 1, cdw11: 4, dataOut: new Uint8Array(16) }, OK],
      [3, blockRequest(IoOpcode.writeZeroes, range), OK],
      [
        5,
        { opcode: IoOpcode.reservationReport, nsid: 1, cdw10: 15, cdw11: 1, dataIn: new Uint8Array(64) },
        OK,
      ],
      [7, blockRequest(IoOpcode.verify, range), OK],
      [8, { opcode: 0x19, nsid: 1, dataOut: new Uint8Array(32) }, INVALID_OPCODE],
    ]
    for (const [bit, request, answer] of commands) {
      expect([bit, (view.getUint16(520, true) >> bit) & 1]).toEqual([bit, answer === OK ? 1 : 0])
      expect([bit, await io(controller, request)]).toEqual([bit, answer])
    }
    // Bit 4: Select of Get Features, and Save, which no feature here can be.
    for (let select = 0; select < 4; select++) {
      const request = { opcode: AdminOpcode.getFeatures, cdw10: 0x07 | (select << 8) }
      expect(await admin(controller, request)).toBe(OK)
    }
    const save = { opcode: AdminOpcode.setFeatures, cdw10: 0x8000_000b }
    expect(await admin(controller, save)).toBe('1/0d!')
    // Bit 6, Timestamp, is clear.
    expect((view.getUint16(520, true) >> 6) & 1).toBe(0)
    expect(await admin(controller, { opcode: AdminOpcode.getFeatures, cdw10: 0x0e })).toBe(INVALID_FIELD)
  })

  it('OACS is empty: none of the optional admin commands is there', async () => {
    const { controller, view } = await connect()
    expect(view.getUint16(256, true)).toBe(0)
    for (const opcode of [0x80, 0x10, 0x0d, 0x14, 0x19, 0x1c, 0x7c, 0x86, 0x84, 0x81, 0x82]) {
      expect(await admin(controller, { opcode, nsid: 0 })).toBe(INVALID_OPCODE)
    }
  })

  it('LPA and log page 00h: what is listed can be read, anything else cannot', async () => {
    const { controller, view } = await connect()
    expect(view.getUint8(261)).toBe(0x26)
    const listed = new Uint8Array(1024)
    await controller.admin('Get Log Page', getLogPage(0x00, listed))
    for (let page = 0; page < 256; page++) {
      const isListed = (listed[page * 4]! & 1) !== 0
      const answer = await admin(controller, getLogPage(page, new Uint8Array(64), { nsid: NSID_ALL }))
      expect([page, answer]).toEqual([page, isListed ? OK : '1/09!'])
    }
  })

  it('log page 12h: each feature that is listed can be read, anything else cannot', async () => {
    const { controller } = await connect()
    const listed = new Uint8Array(1024)
    await controller.admin('Get Log Page', getLogPage(0x12, listed))
    for (let id = 0; id < 256; id++) {
      const request = { opcode: AdminOpcode.getFeatures, cdw10: id, cdw11: id === 0x81 ? 1 : 0, nsid: 1 }
      const answer = await admin(
        controller,
        id === 0x81 ? { ...request, dataIn: new Uint8Array(16) } : request,
      )
      expect([id, answer]).toEqual([id, (listed[id * 4]! & 1) !== 0 ? OK : INVALID_FIELD])
    }
  })

  it('log page 05h: each opcode that is not listed is no command', async () => {
    const { controller } = await connect()
    const listed = new Uint8Array(4096)
    await controller.admin('Get Log Page', getLogPage(0x05, listed))
    for (let opcode = 0; opcode < 256; opcode++) {
      if (opcode === 0x7f) continue
      const isAdmin = (listed[opcode * 4]! & 1) !== 0
      const isIo = (listed[1024 + opcode * 4]! & 1) !== 0
      if (!isAdmin) expect([opcode, await admin(controller, { opcode })]).toEqual([opcode, INVALID_OPCODE])
      const answer = await io(controller, { opcode, nsid: 1 })
      expect([opcode, answer === INVALID_OPCODE]).toEqual([opcode, !isIo])
    }
  })

  it('MDTS: so much goes, and not a byte more', async () => {
    const { controller, view } = await connect()
    const bytesMax = 4096 * 2 ** view.getUint8(77)
    const read = (bytes: number) =>
      io(
        controller,
        blockRequest(IoOpcode.read, { lba: 0, blocks: bytes / 512 }, { dataIn: new Uint8Array(bytes) }),
      )
    const write = (bytes: number) =>
      io(
        controller,
        blockRequest(IoOpcode.write, { lba: 0, blocks: bytes / 512 }, { dataOut: new Uint8Array(bytes) }),
      )
    expect([await read(bytesMax), await write(bytesMax)]).toEqual([OK, OK])
    expect([await read(bytesMax + 512), await write(bytesMax + 512)]).toEqual([INVALID_FIELD, INVALID_FIELD])
  })

  it('AERL: so many event requests are parked', async () => {
    const { controller, view } = await connect()
    const answers: string[] = []
    for (let i = 0; i <= view.getUint8(259) + 1; i++) {
      void admin(controller, { opcode: AdminOpcode.asynchronousEventRequest }).then(
        (answer) => answers.push(answer),
        () => undefined,
      )
    }
    await controller.identify(0x01)
    expect(answers).toEqual(['1/05!'])
  })

  it('the rest of the fields that hosts act on', async () => {
    const { controller, view } = await connect()
    expect(view.getUint8(76)).toBe(0x0b)
    expect(view.getUint32(80, true)).toBe(0x20000)
    expect(view.getUint32(92, true)).toBe(0x900)
    expect(view.getUint32(96, true)).toBe(0x41)
    expect(view.getUint8(111)).toBe(1)
    expect(view.getUint16(320, true)).toBe(10)
    expect(view.getUint8(343)).toBe(0x55)
    expect([view.getUint8(512), view.getUint8(513)]).toEqual([0x66, 0x44])
    expect(view.getUint16(514, true)).toBe(256)
    expect([view.getUint32(516, true), view.getUint32(540, true)]).toEqual([1, 1])
    expect(view.getUint16(522, true)).toBe(1)
    expect(view.getUint8(525)).toBe(7)
    expect(await io(controller, { opcode: IoOpcode.flush, nsid: NSID_ALL })).toBe(OK)
    expect(view.getUint32(536, true)).toBe(0x100001)
    expect(view.getUint32(1792, true)).toBe((64 + 16384) / 16)
    expect(view.getUint16(1804, true) & 1).toBe(1)
  })

  it.each([
    [0x00, 1, OK],
    [0x00, NSID_ALL, '0/0b!'],
    [0x00, 2, '0/0b!'],
    [0x01, 0, OK],
    [0x02, 0, OK],
    [0x02, NSID_ALL, '0/0b!'],
    [0x03, 1, OK],
    [0x03, 0, '0/0b!'],
    [0x05, 1, OK],
    [0x06, 0, OK],
    [0x07, 0, OK],
    [0x08, 1, OK],
    [0x12, 1, OK],
    [0x13, 0, OK],
    [0x1c, 0, OK],
    [0x04, 0, INVALID_FIELD],
    [0x10, 0, INVALID_FIELD],
    [0x14, 0, INVALID_FIELD],
    [0x17, 0, INVALID_FIELD],
    [0xff, 0, INVALID_FIELD],
  ])('Identify CNS %i, NSID %i: %s', async (cns, nsid, answer) => {
    const { controller } = await connect()
    const request = { opcode: AdminOpcode.identify, nsid, cdw10: cns, dataIn: new Uint8Array(4096) }
    expect(await admin(controller, request)).toBe(answer)
  })
})
