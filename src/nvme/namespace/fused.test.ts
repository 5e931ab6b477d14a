import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { KIB } from '../../base/units.ts'
import { formatStatus } from '../status.ts'
import type { IoCommand } from './io-types.ts'
import { OPCODE } from './sqe.ts'
import {
  ABORTED,
  bytesOf,
  type CommandFields,
  DEVICE_BYTES,
  FUA,
  hostOf,
  NamespaceHarness,
} from './testing.ts'

const FAILED_FUSED = '0/09'
const OK = '0/00'

function start(atomicWriteBytesMax = 64 * KIB): { memory: MemoryDevice; h: NamespaceHarness } {
  const memory = new MemoryDevice({ sizeBytes: DEVICE_BYTES, atomicWriteBytesMax })
  return { memory, h: new NamespaceHarness(memory) }
}

const first = (h: NamespaceHarness, fields: CommandFields): IoCommand =>
  h.command(OPCODE.COMPARE, { fuse: 1, ...fields })
const second = (h: NamespaceHarness, fields: CommandFields): IoCommand =>
  h.command(OPCODE.WRITE, { fuse: 2, ...fields })

async function fused(h: NamespaceHarness, compare: IoCommand, write: IoCommand): Promise<string[]> {
  const result = await h.namespace.executeFused(compare, write)
  return [formatStatus(result.first.status), formatStatus(result.second.status)]
}

const contentOf = async (h: NamespaceHarness, lengthBytes: number): Promise<Uint8Array> =>
  (await h.send(OPCODE.READ, { nlb: lengthBytes / 512 - 1, dataInMax: lengthBytes })).data

describe('Compare and Write', () => {
  it('writes only what it finds as expected', async () => {
    const { h } = start()
    const [zeros, a, b] = [new Uint8Array(1024), bytesOf(1024, 1), bytesOf(1024, 2)]
    expect(await fused(h, first(h, { nlb: 1, dataOut: zeros }), second(h, { nlb: 1, dataOut: a }))).toEqual([
      OK,
      OK,
    ])
    expect(await fused(h, first(h, { nlb: 1, dataOut: zeros }), second(h, { nlb: 1, dataOut: b }))).toEqual([
      '2/85!',
      FAILED_FUSED,
    ])
    expect(await contentOf(h, 1024)).toEqual(a)
    await fused(h, first(h, { nlb: 1, dataOut: a }), second(h, { nlb: 1, dataOut: b, flags: FUA }))
    expect(h.device.calls).toContain('compareAndWrite fua')
    expect(await contentOf(h, 1024)).toEqual(b)
  })

  it('of many hosts at once has one winner', async () => {
    const { memory, h } = start()
    memory.hold()
    const tries = [1, 2, 3, 4].map((n) =>
      fused(
        h,
        first(h, { dataOut: new Uint8Array(512), host: hostOf(n) }),
        second(h, { dataOut: bytesOf(512, n), host: hostOf(n) }),
      ),
    )
    memory.letGo()
    const results = await Promise.all(tries)
    expect(results.filter(([compare]) => compare === OK).length).toBe(1)
    const winner = results.findIndex(([compare]) => compare === OK) + 1
    expect(await contentOf(h, 512)).toEqual(bytesOf(512, winner))
  })

  it('is as long as the atomic unit for it, and no longer', async () => {
    for (const [atomicBytes, limitBytes] of [
      [0, 512],
      [4096, 4096],
      [1024 * KIB, 64 * KIB],
    ] as const) {
      const { h } = start(atomicBytes)
      const identified = new DataView(h.namespace.identify().buffer)
      expect(identified.getUint16(38, true)).toBe(limitBytes / 512 - 1)
      for (const [lengthBytes, expected] of [
        [limitBytes, [OK, OK]],
        [limitBytes + 512, ['0/14!', FAILED_FUSED]],
      ] as const) {
        const fields = { nlb: lengthBytes / 512 - 1, dataOut: new Uint8Array(lengthBytes) }
        expect(await fused(h, first(h, fields), second(h, fields))).toEqual(expected)
      }
    }
  })

  it('is refused as a whole when either half is wrong', async () => {
    const { h } = start()
    const data = new Uint8Array(512)
    const last = DEVICE_BYTES / 512
    const cases: [CommandFields, CommandFields, [string, string]][] = [
      [{ slba: 1 }, { slba: 2 }, ['0/02!', '0/02!']],
      [{}, { nlb: 1 }, ['0/02!', '0/02!']],
      [{ slba: last }, { slba: last }, ['0/80!', FAILED_FUSED]],
      [{ dataOut: new Uint8Array(511) }, {}, ['0/0f!', FAILED_FUSED]],
      [{}, { dataOut: new Uint8Array(1024) }, [FAILED_FUSED, '0/0f!']],
      [{ nsid: 2 }, {}, ['0/0b!', FAILED_FUSED]],
      [{}, { nsid: 2 }, [FAILED_FUSED, '0/0b!']],
      [{ signal: ABORTED }, {}, ['0/07', FAILED_FUSED]],
      [{}, { signal: ABORTED }, [FAILED_FUSED, '0/07']],
      [{ fuse: 2 }, {}, ['0/02!', FAILED_FUSED]],
      [{}, { fuse: 1 }, [FAILED_FUSED, '0/02!']],
    ]
    for (const [compare, write, expected] of cases) {
      expect(
        await fused(h, first(h, { dataOut: data, ...compare }), second(h, { dataOut: data, ...write })),
      ).toEqual(expected)
    }
    expect(
      await fused(h, h.command(OPCODE.READ, { fuse: 1, dataInMax: 512 }), second(h, { dataOut: data })),
    ).toEqual(['0/02!', FAILED_FUSED])
    expect(await fused(h, first(h, { dataOut: data }), h.command(OPCODE.WRITE_ZEROES, { fuse: 2 }))).toEqual([
      FAILED_FUSED,
      '0/02!',
    ])
    h.device.isReadOnly = true
    expect(await fused(h, first(h, { dataOut: data }), second(h, { dataOut: data }))).toEqual([
      FAILED_FUSED,
      '0/20!',
    ])
    expect(h.device.calls).toEqual([])
  })

  it('that the device fails has changed nothing', async () => {
    const { h } = start()
    h.device.failNext('BUSY')
    const data = new Uint8Array(512)
    expect(await fused(h, first(h, { dataOut: data }), second(h, { dataOut: data }))).toEqual([
      '3/03',
      FAILED_FUSED,
    ])
  })
})
