import { describe, expect, it } from 'vitest'
import { pattern, read10, SessionHarness, write10 } from '../../../test/e2e/iscsi/session-harness.ts'
import { Opcode, TaskManagementFunction } from '../pdu/opcodes.ts'

describe('memory', () => {
  const write = { write: true, expectedDataTransferLength: 65536 }

  it('that is short makes commands wait without holding any, and serves them in turn', async () => {
    const h = new SessionHarness({ budgetBytes: 65536 })
    const first = h.command(write10(0, 128), write)
    const second = h.command(write10(128, 128), write)
    const [r2t, ...more] = h.received()
    expect(more).toEqual([])
    if (r2t?.pdu.opcode !== Opcode.r2t) throw new Error('no R2T')
    expect([r2t.pdu.initiatorTaskTag, h.budget.usedBytes]).toEqual([first, 65536])
    h.dataOut({ initiatorTaskTag: first, targetTransferTag: r2t.pdu.targetTransferTag }, pattern(65536))
    const sent = await h.settled()
    expect(sent.map(({ pdu }) => pdu.opcode).sort()).toEqual([Opcode.scsiResponse, Opcode.r2t])
    expect(sent).toContainEqual(
      expect.objectContaining({
        pdu: expect.objectContaining({ opcode: Opcode.r2t, initiatorTaskTag: second }),
      }),
    )
  })

  it('that is short for data which comes unasked is answered with a status that the host repeats', () => {
    const h = new SessionHarness({ budgetBytes: 65536 })
    h.command(write10(0, 128), write)
    h.received()
    h.command(write10(128, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
    expect(h.received()).toMatchObject([{ pdu: { opcode: Opcode.scsiResponse, status: 0x28 } }])
    expect(h.pool.lentBytes).toBe(65536)
  })

  it('is given in turn: a small command does not overtake one that waits', () => {
    const h = new SessionHarness({ budgetBytes: 100_000 })
    const tags = [65536, 65536, 4096].map((expectedDataTransferLength, i) =>
      h.command(write10(i * 128, expectedDataTransferLength / 512), {
        write: true,
        expectedDataTransferLength,
      }),
    )
    expect(h.received()).toMatchObject([{ pdu: { opcode: Opcode.r2t, initiatorTaskTag: tags[0] } }])
    h.session.abortTasks((task) => task.initiatorTaskTag === tags[0])
    expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
      { opcode: Opcode.r2t, initiatorTaskTag: tags[1] },
      { opcode: Opcode.r2t, initiatorTaskTag: tags[2] },
    ])
  })

  it('of long reads is bounded as well', () => {
    const h = new SessionHarness({ budgetBytes: 262144 })
    for (const lba of [0, 512, 1024]) {
      h.command(read10(lba, 512), { read: true, expectedDataTransferLength: 262144 })
    }
    const tags = () =>
      h
        .received()
        .flatMap(({ pdu }) => (pdu.opcode === Opcode.dataIn && pdu.final ? [pdu.initiatorTaskTag] : []))
    expect(tags()).toEqual([1])
    expect(tags()).toEqual([2])
    expect(tags()).toEqual([3])
    expect([h.budget.usedBytes, h.pool.lentBytes]).toEqual([0, 0])
  })

  it('is all given back when the session closes in the middle of everything', async () => {
    const h = new SessionHarness({ budgetBytes: 200_000 })
    h.device.hold()
    h.command(write10(0, 128), write)
    h.command(write10(128, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
    h.command(read10(0, 128), { read: true, expectedDataTransferLength: 65536 })
    h.command(write10(512, 256), { write: true, expectedDataTransferLength: 131072 })
    const closed = h.session.close()
    h.device.letGo()
    await closed
    expect([h.budget.usedBytes, h.pool.lentBytes, h.device.counts.writes]).toEqual([0, 0, 0])
    expect(h.session.takeOutput()).toBeUndefined()
  })

  it('of a command that was aborted in the middle of its data is given back when the connection ends there', async () => {
    const a = new SessionHarness()
    const b = new SessionHarness({ beside: a })
    const push = a.push.bind(a)
    a.push = (bytes) => push(bytes.subarray(0, 1000))
    a.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
    b.manage(TaskManagementFunction.logicalUnitReset)
    await a.session.close()
    await b.session.close()
    expect([a.pool.lentBytes, a.budget.usedBytes]).toEqual([0, 0])
  })

  it('that aborted tasks give back serves none that is aborted with them', async () => {
    for (const end of ['abort task set', 'close'] as const) {
      const h = new SessionHarness({ budgetBytes: 128 * 1024 })
      h.command(write10(0, 256), { write: true, expectedDataTransferLength: 128 * 1024 })
      h.command(read10(0, 256), { read: true, expectedDataTransferLength: 128 * 1024 })
      h.received() // the R2T of the write
      const { reads } = h.device.counts
      if (end === 'close') await h.session.close()
      else h.manage(TaskManagementFunction.abortTaskSet)
      const sent = await h.settled()
      expect(sent.map(({ pdu }) => pdu.opcode)).toEqual(
        end === 'close' ? [] : [Opcode.taskManagementResponse],
      )
      expect([h.device.counts.reads - reads, h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0, 0])
    }
  })

  it('is not given back while the parser is filling it', async () => {
    const h = new SessionHarness()
    const initiatorTaskTag = h.command(write10(0, 128), write)
    const [r2t] = h.received()
    if (r2t?.pdu.opcode !== Opcode.r2t) throw new Error('no R2T')
    const { targetTransferTag } = r2t.pdu
    let rest: Uint8Array | undefined
    const push = h.push.bind(h)
    h.push = (bytes) => {
      push(bytes.subarray(0, 30_000))
      rest = bytes.subarray(30_000)
    }
    h.dataOut({ initiatorTaskTag, targetTransferTag }, pattern(65536))
    h.session.abortTasks()
    expect(h.pool.lentBytes).toBe(65536)
    push(rest!)
    expect([h.pool.lentBytes, h.budget.usedBytes, h.received()]).toEqual([0, 0, []])
  })
})
