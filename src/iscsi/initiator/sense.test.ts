import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeSense, SENSE, type Sense } from '../scsi/sense.ts'
import { ScsiStatus } from './command.ts'
import { parseSense, scsiError } from './sense.ts'

describe('parseSense', () => {
  it.each([false, true])('reads what a target encodes, descriptor format: %s', (descriptor) => {
    const bytes = encodeSense(SENSE.UNRECOVERED_READ_ERROR, { information: 1234 }, descriptor)
    expect(parseSense(bytes)).toEqual({ key: 3, asc: 0x11, ascq: 0, information: 1234 })
    expect(parseSense(encodeSense(SENSE.INVALID_FIELD_IN_CDB, {}, descriptor))).toEqual({
      key: 5,
      asc: 0x24,
      ascq: 0,
      information: undefined,
    })
  })

  it('reads the information behind another descriptor', () => {
    const field = { in: 'cdb', byte: 2 } as const
    const bytes = encodeSense(SENSE.MISCOMPARE, { information: 7, field }, true)
    const swapped = Uint8Array.from([
      ...bytes.subarray(0, 8),
      ...bytes.subarray(20),
      ...bytes.subarray(8, 20),
    ])
    expect(parseSense(swapped)?.information).toBe(7)
  })

  it('has a verdict on any bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0x70, 0x71, 0x72, 0x73, 0xf0, 0),
        fc.uint8Array({ maxLength: 40 }),
        (code, tail) => {
          parseSense(Uint8Array.of(code, ...tail))
        },
      ),
    )
  })
})

describe('scsiError', () => {
  it.each<[keyof typeof SENSE, string]>([
    ['LBA_OUT_OF_RANGE', 'OUT_OF_RANGE'],
    ['INVALID_FIELD_IN_CDB', 'INVALID_ARGUMENT'],
    ['UNRECOVERED_READ_ERROR', 'MEDIUM'],
    ['SPACE_ALLOCATION_FAILED', 'NO_SPACE'],
    ['WRITE_PROTECTED', 'READ_ONLY'],
    ['PORT_IN_STANDBY', 'BUSY'],
    ['INTERNAL_TARGET_FAILURE', 'DISK'],
    ['MISCOMPARE', 'CONFLICT'],
  ])('names %s as %s', (name, code) => {
    const value: Sense = SENSE[name]
    const error = scsiError('WRITE (16)', ScsiStatus.checkCondition, encodeSense(value, {}, false))
    expect(error).toMatchObject({ code, facts: { senseKey: value.key, asc: value.asc, ascq: value.ascq } })
  })

  it.each([
    [ScsiStatus.busy, 'BUSY'],
    [ScsiStatus.taskSetFull, 'BUSY'],
    [ScsiStatus.reservationConflict, 'RESERVATION_CONFLICT'],
    [ScsiStatus.taskAborted, 'ABORTED'],
    [0x42, 'PROTOCOL'],
    [ScsiStatus.checkCondition, 'PROTOCOL'],
  ])('names status %i without sense data as %s', (status, code) => {
    expect(scsiError('READ (16)', status, new Uint8Array(0)).code).toBe(code)
  })
})
