/** PDUs of a host, right ones, for a hostile one to spoil; and how their fields become wrong. */
import { viewOf } from '../../../src/base/binary.ts'
import { crc32c } from '../../../src/base/crc32c.ts'
import {
  AdminOpcode,
  FABRICS_OPCODE,
  FabricsType,
  IoOpcode,
  PSDT_SGL,
  SglIdentifier,
  Sqe,
} from '../../../src/nvme/commands.ts'
import { connect } from '../../../src/nvme/initiator/requests.ts'
import { beginCapsuleCmd, ENTRY_OFFSET } from '../../../src/nvme/pdu/capsule.ts'
import { HEADER_BYTES } from '../../../src/nvme/pdu/common-header.ts'
import { encodeIcReq } from '../../../src/nvme/pdu/initialize.ts'
import { encodeTermReq } from '../../../src/nvme/pdu/term-req.ts'
import { encodeH2cData, type R2t } from '../../../src/nvme/pdu/transfer.ts'
import { PduFlag, PduType } from '../../../src/nvme/pdu/types.ts'
import type { SeededRandom } from '../../sim/random.ts'

/** A PDU before lengths and digests. */
export interface Draft {
  readonly header: Uint8Array
  readonly data: Uint8Array
}

export interface Digests {
  readonly header: boolean
  readonly data: boolean
}

export interface Names {
  readonly hostNqn: string
  readonly hostId: Uint8Array
  readonly subsystemNqn: string
  /** Of the queue that is connected: 0 with a controller of its own, else an I/O queue of this controller. */
  readonly qid: number
  readonly controllerId: number
}

const NONE = new Uint8Array(0)
const WORDS = [
  0, 1, 7, 8, 511, 512, 0x1000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
] as const
const BYTES = [0x00, 0x01, 0x02, 0x08, 0x40, 0x5a, 0x7f, 0x80, 0xc0, 0xfe, 0xff] as const
const BLOCK_BYTES = 512
/** Half of the volume's blocks are written often, some lie behind its end. */
const LBAS = [0, 1, 8, 100, 16_383, 16_384, 0xffff_ffff] as const
const IO_OPCODES = Object.values(IoOpcode)
const ADMIN_OPCODES = Object.values(AdminOpcode)

const header = (type: PduType): Uint8Array => new Uint8Array(HEADER_BYTES[type])

export function icReq(digests: Digests, random: SeededRandom): Draft {
  const bytes = header(PduType.icReq)
  encodeIcReq(viewOf(bytes), 0, {
    pfv: 0,
    dataAlignment: random.pick([0, 0, 0, 1, 15, 31]),
    headerDigest: digests.header,
    dataDigest: digests.data,
    maxR2t: random.pick([0, 0, 1, 3, 0xffff_ffff]),
  })
  return { header: bytes, data: NONE }
}

function capsule(
  fields: Partial<Record<keyof typeof Sqe.at, number>>,
  data: Uint8Array = NONE,
  lengthBytes = data.byteLength,
): Draft {
  const bytes = header(PduType.capsuleCmd)
  const view = viewOf(bytes)
  beginCapsuleCmd(view, 0)
  view.setUint8(ENTRY_OFFSET + Sqe.at.flags, PSDT_SGL)
  for (const [name, value] of Object.entries(fields)) {
    const at = ENTRY_OFFSET + Sqe.at[name as keyof typeof Sqe.at]
    if (name === 'opcode' || name === 'flags') view.setUint8(at, value)
    else if (name === 'cid') view.setUint16(at, value, true)
    else view.setUint32(at, value >>> 0, true)
  }
  const sgl = ENTRY_OFFSET + Sqe.at.sgl1
  view.setUint32(sgl + 8, lengthBytes, true)
  view.setUint8(sgl + 15, data.byteLength > 0 ? SglIdentifier.inCapsule : SglIdentifier.transport)
  return { header: bytes, data }
}

export function connectDraft(names: Names): Draft {
  const request = connect({ ...names, entries: 16, keepAliveMs: 0 })
  const { cdw10 = 0, cdw11 = 0 } = request
  return capsule({ opcode: FABRICS_OPCODE, nsid: FabricsType.connect, cid: 1, cdw10, cdw11 }, request.dataOut)
}

export const enableDraft = (): Draft =>
  capsule({ opcode: FABRICS_OPCODE, nsid: FabricsType.propertySet, cid: 2, cdw11: 0x14, cdw12: 0x0046_0001 })

/** The next PDU of a connected queue. `cid` counts up, and sometimes does not. */
export function anyDraft(random: SeededRandom, qid: number, cid: number): Draft {
  switch (random.weighted({ command: 12, fabrics: 2, data: 2, term: 0.3 })) {
    case 'command':
      return qid === 0 ? adminDraft(random, cid) : ioDraft(random, cid)
    case 'fabrics':
      return capsule({
        opcode: FABRICS_OPCODE,
        nsid: random.pick(Object.values(FabricsType)),
        cid,
        cdw10: random.pick([0, 1, 2]),
        cdw11: random.pick([0, 8, 0x14, 0x1c, 0x24]),
        cdw12: random.pick([0, 0x0046_0001, 0x0046_4001]),
      })
    case 'data':
      return dataDraft(random, {
        cccid: random.integer(8),
        ttag: random.integer(8),
        r2to: 0,
        r2tl: random.pick([0, 4, 512, 4096]),
      })
    case 'term': {
      const bytes = header(PduType.h2cTermReq)
      encodeTermReq(viewOf(bytes), 0, PduType.h2cTermReq, { fes: random.integer(8), fei: random.integer(99) })
      return { header: bytes, data: random.bytes(random.pick([0, 8, 128, 200])) }
    }
  }
}

/** What an R2T asks for, or a part of it. */
export function dataDraft(random: SeededRandom, r2t: R2t): Draft {
  const bytes = header(PduType.h2cData)
  const isWhole = random.chance(0.8)
  const datal = isWhole ? r2t.r2tl : random.integer(r2t.r2tl + 1)
  const { cccid, ttag, r2to } = r2t
  encodeH2cData(viewOf(bytes), 0, { last: isWhole, cccid, ttag, datao: r2to, datal })
  return { header: bytes, data: new Uint8Array(datal).fill(random.integer(256)) }
}

function ioDraft(random: SeededRandom, cid: number): Draft {
  const opcode = random.chance(0.9) ? random.pick(IO_OPCODES) : random.integer(256)
  const blocks = random.pick([1, 1, 2, 8, 64, 256, 2048])
  const fields = {
    opcode,
    flags: random.chance(0.9) ? PSDT_SGL : PSDT_SGL | random.integer(4),
    nsid: random.chance(0.95) ? 1 : random.pick([0, 2, 0xffff_ffff]),
    cid,
    cdw10: random.pick(LBAS),
    cdw11: random.chance(0.95) ? 0 : random.pick(WORDS),
    cdw12: (blocks - 1) | (random.chance(0.1) ? 0x4000_0000 : 0),
  }
  const lengthBytes = random.chance(0.9) ? blocks * BLOCK_BYTES : random.pick(WORDS)
  const toController = (opcode & 3) === 1
  if (!toController) return capsule(fields, NONE, (opcode & 3) === 2 ? lengthBytes : 0)
  const isInCapsule = blocks <= 16 && random.chance(0.7)
  return isInCapsule
    ? capsule(fields, random.bytes(blocks * BLOCK_BYTES))
    : capsule(fields, NONE, lengthBytes)
}

function adminDraft(random: SeededRandom, cid: number): Draft {
  const opcode = random.chance(0.9) ? random.pick(ADMIN_OPCODES) : random.integer(256)
  return capsule(
    {
      opcode,
      nsid: random.pick([0, 1, 1, 0xffff_ffff]),
      cid,
      cdw10: random.chance(0.8)
        ? random.integer(0x200) | (random.pick([0, 127, 1023]) << 16)
        : random.pick(WORDS),
      cdw11: random.chance(0.8) ? random.integer(4) : random.pick(WORDS),
      cdw12: random.chance(0.8) ? 0 : random.pick(WORDS),
    },
    NONE,
    random.pick([0, 4, 512, 4096, 4096]),
  )
}

/** Wrong fields. Lengths and digests follow the header that comes of it, unless they are what is wrong. */
export function mutateFields(random: SeededRandom, draft: Draft): Draft {
  const wrong = Uint8Array.from(draft.header)
  const view = viewOf(wrong)
  let { data } = draft
  for (let left = 1 + random.integer(3); left > 0; left--) {
    switch (random.weighted({ byte: 4, bit: 4, word: 4, type: 1, data: 2 })) {
      case 'byte':
        wrong[random.integer(wrong.byteLength)] = random.pick(BYTES)
        break
      case 'bit': {
        const at = random.integer(wrong.byteLength)
        wrong[at] = wrong[at]! ^ (1 << random.integer(8))
        break
      }
      case 'word':
        view.setUint32(8 + 4 * random.integer(wrong.byteLength / 4 - 2), random.pick(WORDS), true)
        break
      case 'type':
        wrong[0] = random.integer(12)
        break
      case 'data':
        data = random.bytes(random.pick([0, 1, 3, 64, 512, 1023, 4096, 9000]))
        break
    }
  }
  return { header: wrong, data }
}

/** The PDU as bytes, with the digests that were agreed; `isLying`: its lengths are left as the header has them. */
export function wire({ header: head, data }: Draft, digests: Digests, isLying = false): Uint8Array {
  const hasDigests = head[0]! >= PduType.capsuleCmd
  const headBytes = head.byteLength + (hasDigests && digests.header ? 4 : 0)
  const isDigested = hasDigests && digests.data && data.byteLength > 0
  const bytes = new Uint8Array(headBytes + data.byteLength + (isDigested ? 4 : 0))
  const view = viewOf(bytes)
  bytes.set(head)
  if (!isLying) {
    if (hasDigests) {
      const flags = (digests.header ? PduFlag.headerDigest : 0) | (isDigested ? PduFlag.dataDigest : 0)
      bytes[1] = (bytes[1]! & ~3) | flags
      bytes[3] = data.byteLength > 0 ? headBytes : 0
    }
    view.setUint32(4, bytes.byteLength, true)
  }
  if (hasDigests && digests.header) {
    view.setUint32(head.byteLength, crc32c(bytes.subarray(0, head.byteLength)), true)
  }
  bytes.set(data, headBytes)
  if (isDigested) view.setUint32(headBytes + data.byteLength, crc32c(data), true)
  return bytes
}
