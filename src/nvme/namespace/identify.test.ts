import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { GIB, KIB, TIB } from '../../base/units.ts'
import { identificationDescriptors, identifyNamespace } from './identify.ts'
import { OPCODE } from './sqe.ts'
import { bytesOf, DEAC, DEVICE_BYTES, NamespaceHarness } from './testing.ts'

const UUID = Uint8Array.from(Buffer.from('0f1e2d3c4b5a4978a6b5c4d3e2f10011', 'hex'))
const FACTS = {
  uuid: UUID,
  sizeBytes: GIB,
  logicalBlockBytes: 512,
  readOnly: false,
  atomicWriteBytesMax: 1020 * KIB,
} as const

/** Fields at their offsets, laid out by hand from the figure "Identify Namespace Data Structure, NVM Command Set". */
function golden(fields: Readonly<Record<number, string>>): string {
  const bytes = Buffer.alloc(4096)
  for (const [at, hex] of Object.entries(fields)) Buffer.from(hex, 'hex').copy(bytes, Number(at))
  return bytes.toString('hex')
}

describe('Identify Namespace', () => {
  it('has the bytes of the figure for 1 GiB in blocks of 512 bytes', () => {
    expect(Buffer.from(identifyNamespace(FACTS)).toString('hex')).toBe(
      golden({
        0: '0000200000000000', // NSZE
        8: '0000200000000000', // NCAP
        16: '0000200000000000', // NUSE
        24: '1b', // NSFEAT
        30: '01', // NMIC
        31: 'ff', // RESCAP
        33: '09', // DLFEAT
        34: 'f707', // NAWUN: 2040 blocks
        36: 'f707', // NAWUPF
        38: '7f00', // NACWU: 128 blocks
        48: '0000004000000000', // NVMCAP
        64: '0700070007000700', // NPWG, NPWA, NPDG, NPDA: 4 KiB
        72: 'ff07', // NOWS: 1 MiB
        92: '01000000', // ANAGRPID
        104: '0f1e2d3c4b5a4978a6b5c4d3e2f10011', // NGUID
        130: '09', // LBADS of format 0
      }),
    )
  })

  it('has the bytes of the figure for 64 TiB, read-only, in blocks of 4096 bytes, without atomic writes', () => {
    const facts = {
      ...FACTS,
      sizeBytes: 64 * TIB,
      logicalBlockBytes: 4096,
      readOnly: true,
      atomicWriteBytesMax: 0,
    } as const
    expect(Buffer.from(identifyNamespace(facts)).toString('hex')).toBe(
      golden({
        0: '0000000004000000',
        8: '0000000004000000',
        16: '0000000004000000',
        24: '1b',
        30: '01',
        31: 'ff',
        33: '09',
        48: '0000000000400000',
        72: 'ff00',
        92: '01000000',
        99: '01', // NSATTR: write protected
        104: '0f1e2d3c4b5a4978a6b5c4d3e2f10011',
        130: '0c',
      }),
    )
  })

  it('caps what its 16 bits cannot say', () => {
    const view = new DataView(identifyNamespace({ ...FACTS, atomicWriteBytesMax: GIB }).buffer)
    expect(view.getUint16(34, true)).toBe(0xffff)
  })

  it('follows the device', () => {
    const memory = new MemoryDevice({ sizeBytes: DEVICE_BYTES })
    const h = new NamespaceHarness(memory)
    const sizeBlocks = (): bigint => new DataView(h.namespace.identify().buffer).getBigUint64(0, true)
    expect(sizeBlocks()).toBe(BigInt(DEVICE_BYTES / 512))
    memory.grow(2 * DEVICE_BYTES)
    expect(sizeBlocks()).toBe(BigInt((2 * DEVICE_BYTES) / 512))
  })

  it('promises nothing that is not so', async () => {
    const h = new NamespaceHarness(
      new MemoryDevice({ sizeBytes: DEVICE_BYTES, atomicWriteBytesMax: 64 * KIB }),
    )
    const data = h.namespace.identify()
    const view = new DataView(data.buffer)
    const dlfeat = data[33]!
    // deallocated blocks read as zeros, by Write Zeroes with DEAC too
    expect(dlfeat & 0x07).toBe(1)
    expect(dlfeat & 0x08).toBe(0x08)
    await h.send(OPCODE.WRITE, { dataOut: bytesOf(512) })
    expect(await h.statusOf(OPCODE.WRITE_ZEROES, { flags: DEAC })).toBe('0/00')
    expect(h.device.calls.at(-1)).toBe('trim')
    expect((await h.send(OPCODE.READ, { dataInMax: 512 })).data).toEqual(new Uint8Array(512))
    // an atomic unit is written as one change of the device
    const atomicBlocks = view.getUint16(34, true) + 1
    expect(atomicBlocks * 512).toBe(h.device.atomicWriteBytesMax)
    h.device.calls.length = 0
    const dataOut = bytesOf(atomicBlocks * 512)
    expect(await h.statusOf(OPCODE.WRITE, { nlb: atomicBlocks - 1, dataOut })).toBe('0/00')
    expect(h.device.calls).toEqual(['write'])
    // RESCAP: all six types can be held, and reservations can persist
    expect(data[31]).toBe(0xff)
  })
})

it('the descriptors name the volume by NGUID and UUID, and the NVM command set', () => {
  const expected = Buffer.alloc(4096)
  const uuid = Buffer.from(UUID).toString('hex')
  Buffer.from(`02100000${uuid}03100000${uuid}0401000000`, 'hex').copy(expected)
  expect(Buffer.from(identificationDescriptors(FACTS))).toEqual(expected)
})
