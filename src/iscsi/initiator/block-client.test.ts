import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../base/ports/clock.ts'
import { RealNet } from '../../io/net.ts'
import { RealRandom } from '../../io/random.ts'
import type { ScsiCommand } from '../pdu/scsi-command.ts'
import { encodeSense, SENSE } from '../scsi/sense.ts'
import { BlockClient } from './block-client.ts'
import { Initiator } from './initiator.ts'
import { type ScriptedAnswer, ScriptedPortal } from './scripted-portal.ts'

const net = new RealNet()
const closing: (() => Promise<void>)[] = []
/** Nothing here takes long enough to need the time. */
const clock: Clock = {
  monotonicMs: () => 0,
  bootMs: () => 0,
  wallMs: () => 0,
  after: () => ({ cancel: () => undefined }),
  sleep: () => Promise.resolve(),
  yield: () => Promise.resolve(),
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A client whose commands are answered by `answers` in turn, the last one again and again. */
async function client(...answers: ScriptedAnswer[]): Promise<{ blocks: BlockClient; sent: string[] }> {
  const sent: string[] = []
  const command = ({ cdb }: ScsiCommand, dataOut: Uint8Array): ScriptedAnswer => {
    sent.push(
      [cdb, dataOut]
        .map((bytes) => Buffer.from(bytes).toString('hex'))
        .join(' ')
        .trim(),
    )
    return answers.length > 1 ? answers.shift()! : answers[0]!
  }
  const portal = await ScriptedPortal.open(net, { command })
  closing.push(() => portal.close())
  const initiator = new Initiator({
    net,
    clock,
    random: new RealRandom(),
    initiatorName: 'iqn.2026-11.io.basalt:test',
  })
  const session = await initiator.connect({
    portal: portal.address,
    targetName: 'iqn.2026-11.io.basalt:volume',
  })
  closing.push(() => session.logout())
  return { blocks: new BlockClient(session), sent }
}

const check = (sense: Uint8Array): ScriptedAnswer => ({ status: 2, sense })

describe('BlockClient', () => {
  it('reads and writes', async () => {
    const { blocks, sent } = await client({ dataIn: Uint8Array.of(1, 2, 3, 4) })
    const target = new Uint8Array(4)
    await blocks.read(0x1_0000_0002, 3, target)
    expect(target).toEqual(Uint8Array.of(1, 2, 3, 4))
    expect(sent).toEqual(['88000000000100000002000000030000'])
  })

  it.each<[string, (blocks: BlockClient) => Promise<unknown>, string]>([
    ['TEST UNIT READY', (blocks) => blocks.testUnitReady(), '00000000000000000000000000000000'],
    ['WRITE (16)', (b) => b.write(5, 1, Uint8Array.of(9)), '8a000000000000000005000000010000 09'],
    [
      'WRITE (16) with FUA',
      (b) => b.write(5, 1, Uint8Array.of(9), { fua: true }),
      '8a080000000000000005000000010000 09',
    ],
    ['SYNCHRONIZE CACHE (16)', (b) => b.flush(), '91000000000000000000000000000000'],
    [
      'WRITE SAME (16)',
      (b) => b.writeSame(1, 2, Uint8Array.of(7), { unmap: true }),
      '93080000000000000001000000020000 07',
    ],
    [
      'UNMAP',
      (b) => b.unmap([{ lba: 3, blocks: 4 }]),
      '42000000000000001800000000000000 0016001000000000000000000000000300000004' + '00000000',
    ],
    [
      'COMPARE AND WRITE',
      (b) => b.compareAndWrite(1, 1, { expected: Uint8Array.of(1), data: Uint8Array.of(2) }),
      '89000000000000000001000000010000 0102',
    ],
  ])('sends %s', async (_, run, expected) => {
    const { blocks, sent } = await client({})
    await run(blocks)
    expect(sent).toEqual([expected])
  })

  it('reads the capacity', async () => {
    const dataIn = Buffer.from(
      `000000000000ffff 00000200 00 03 8000 ${'00'.repeat(16)}`.replaceAll(' ', ''),
      'hex',
    )
    const { blocks } = await client({ dataIn })
    await expect(blocks.readCapacity()).resolves.toEqual({
      blocks: 65536,
      logicalBlockBytes: 512,
      physicalBlockBytes: 4096,
      isThin: true,
    })
  })

  it('reads the logical units', async () => {
    const list = '00000018 00000000 0000000000000000 0001000000000000 c101000000000000'.replaceAll(' ', '')
    const { blocks } = await client({ dataIn: Buffer.from(list, 'hex') })
    await expect(blocks.reportLuns()).resolves.toEqual([0, 1])
  })

  it('reads a vital product data page', async () => {
    const { blocks, sent } = await client({ dataIn: Uint8Array.of(0, 0x83, 0, 0) })
    await expect(blocks.inquiry(0x83)).resolves.toEqual(Uint8Array.of(0, 0x83, 0, 0))
    expect(sent).toEqual(['12018300fc0000000000000000000000'])
  })

  it('asks again after a unit attention', async () => {
    const attention = encodeSense({ key: 6, asc: 0x29, ascq: 0 }, {}, false)
    const { blocks, sent } = await client(check(attention), check(attention), {})
    await blocks.testUnitReady()
    expect(sent).toHaveLength(3)
  })

  it('does not ask for ever', async () => {
    const { blocks, sent } = await client(check(encodeSense({ key: 6, asc: 0x29, ascq: 0 }, {}, true)))
    await expect(blocks.testUnitReady()).rejects.toMatchObject({ code: 'BUSY' })
    expect(sent).toHaveLength(9)
  })

  it('throws what the sense data says', async () => {
    const { blocks } = await client(check(encodeSense(SENSE.LBA_OUT_OF_RANGE, {}, false)))
    await expect(blocks.read(9, 1, new Uint8Array(1))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' })
  })

  it('refuses a short read', async () => {
    const { blocks } = await client({ dataIn: Uint8Array.of(1) })
    await expect(blocks.read(0, 1, new Uint8Array(2))).rejects.toMatchObject({ code: 'PROTOCOL' })
  })

  it('tells where a comparison fails', async () => {
    const { blocks } = await client(check(encodeSense(SENSE.MISCOMPARE, { information: 3 }, false)))
    const content = { expected: new Uint8Array(4), data: new Uint8Array(4) }
    await expect(blocks.compareAndWrite(0, 1, content)).resolves.toEqual({
      equal: false,
      mismatchOffsetBytes: 3,
    })
  })
})
