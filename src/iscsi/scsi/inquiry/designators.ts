/**
 * Device Identification, VPD page 83h (SPC-4): the names of the logical unit, all made from the volume's UUID
 * and therefore the same through every server, and the names of the port by which it is reached here.
 */
import { putU16 } from '../bytes.ts'
import type { LogicalUnit } from '../lun.ts'
import type { TargetPort } from '../nexus.ts'

const CODE_SET = { BINARY: 1, ASCII: 2, UTF8: 3 } as const
const ASSOCIATION = { LOGICAL_UNIT: 0, TARGET_PORT: 1, TARGET_DEVICE: 2 } as const
const TYPE = { T10_VENDOR_ID: 1, NAA: 3, RELATIVE_PORT: 4, PORT_GROUP: 5, SCSI_NAME: 8, UUID: 0xa } as const
const PROTOCOL_ISCSI = 5
const PIV = 0x80

/** The UUID's 32 hexadecimal digits: VPD page 80h, and part of the T10 vendor id designator. */
export const serialNumber = (uuid: Uint8Array): string => Buffer.from(uuid).toString('hex')

/**
 * NAA IEEE Registered Extended: 16 bytes. The company id has the bit of locally administered identifiers
 * (02h) and the letters BS; the remaining 100 bits are the UUID's last 25 hexadecimal digits.
 */
function naaDesignator(uuid: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.from(`6024253${serialNumber(uuid).slice(7)}`, 'hex'))
}

/**
 * Whether a designator that an initiator sent names this logical unit. Those that fit a CSCD descriptor count: NAA
 * and UUID.
 */
export function isDesignatorOf(
  unit: LogicalUnit,
  named: { codeSet: number; association: number; designatorType: number; designator: Uint8Array },
): boolean {
  if (named.association !== ASSOCIATION.LOGICAL_UNIT || named.codeSet !== CODE_SET.BINARY) return false
  const { uuid } = unit.device
  const own = named.designatorType === TYPE.NAA ? naaDesignator(uuid) : uuidDesignator(uuid)
  const isKnownType = named.designatorType === TYPE.NAA || named.designatorType === TYPE.UUID
  return isKnownType && Buffer.compare(own, named.designator) === 0
}

const uuidDesignator = (uuid: Uint8Array): Uint8Array => Uint8Array.of(0x10, 0, ...uuid)

/** All designation descriptors, one after the other, for an initiator that came by `port`. */
export function designators(unit: LogicalUnit, port: TargetPort): Uint8Array {
  const { device, identity } = unit
  const naa = naaDesignator(device.uuid)
  const { LOGICAL_UNIT, TARGET_PORT, TARGET_DEVICE } = ASSOCIATION
  const list = [
    descriptor(CODE_SET.BINARY, LOGICAL_UNIT, TYPE.NAA, naa),
    descriptor(
      CODE_SET.ASCII,
      LOGICAL_UNIT,
      TYPE.T10_VENDOR_ID,
      ascii(identity.vendor.slice(0, 8).padEnd(8) + serialNumber(device.uuid)),
    ),
    descriptor(CODE_SET.BINARY, LOGICAL_UNIT, TYPE.UUID, uuidDesignator(device.uuid)),
    descriptor(
      CODE_SET.UTF8,
      LOGICAL_UNIT,
      TYPE.SCSI_NAME,
      terminated(`naa.${Buffer.from(naa).toString('hex').toUpperCase()}`),
    ),
    descriptor(CODE_SET.BINARY, TARGET_PORT, TYPE.RELATIVE_PORT, number4(port.relativePort)),
    descriptor(CODE_SET.BINARY, TARGET_PORT, TYPE.PORT_GROUP, number4(port.groupId)),
    descriptor(
      CODE_SET.UTF8,
      TARGET_PORT,
      TYPE.SCSI_NAME,
      terminated(`${port.targetName},t,0x${port.portalGroupTag.toString(16).padStart(4, '0')}`),
    ),
    descriptor(CODE_SET.UTF8, TARGET_DEVICE, TYPE.SCSI_NAME, terminated(port.targetName)),
  ]
  const all = new Uint8Array(list.reduce((sum, one) => sum + one.byteLength, 0))
  let at = 0
  for (const one of list) {
    all.set(one, at)
    at += one.byteLength
  }
  return all
}

function descriptor(codeSet: number, association: number, type: number, designator: Uint8Array): Uint8Array {
  const ofPortOrDevice = association !== ASSOCIATION.LOGICAL_UNIT
  const bytes = new Uint8Array(4 + designator.byteLength)
  bytes[0] = (ofPortOrDevice ? PROTOCOL_ISCSI << 4 : 0) | codeSet
  bytes[1] = (ofPortOrDevice ? PIV : 0) | (association << 4) | type
  bytes[3] = designator.byteLength
  bytes.set(designator, 4)
  return bytes
}

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))

/** UTF-8, ended by a zero and padded with zeros to a multiple of four. */
export function terminated(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text)
  const bytes = new Uint8Array(4 * Math.floor(encoded.byteLength / 4 + 1))
  bytes.set(encoded)
  return bytes
}

function number4(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  putU16(bytes, 2, value)
  return bytes
}
