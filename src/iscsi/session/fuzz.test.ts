import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { SessionHarness } from '../../../test/e2e/iscsi/session-harness.ts'
import { silentLogger } from '../../base/log.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { LogicalUnit } from '../scsi/lun.ts'
import { singlePath } from '../scsi/path-state.ts'

/**
 * PDUs that are nearly right: opcodes, tags, numbers and lengths from small sets, so that they meet each other's
 * state, and everything else at random.
 */
const tag = fc.constantFrom(0, 1, 2, 3, RESERVED_TAG)
const opcode = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<number>(Opcode.scsiCommand, Opcode.dataOut) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<number>(Opcode.taskManagementRequest, Opcode.nopOut, Opcode.textRequest),
  },
  { weight: 1, arbitrary: fc.constantFrom(Opcode.snackRequest, Opcode.loginRequest, 0x1c, 0x25) },
)
const cdb = fc.constantFrom(
  '00',
  '2a000000000000000800',
  '28000000000000000800',
  '2a000000000000008000',
  '28000000000000008000',
  '12000000ff00',
  '88000000000000000000000000100000',
)
const pdu = fc.record({
  kind: fc.constant('pdu' as const),
  opcode,
  immediate: fc.boolean(),
  flags: fc.constantFrom(0x80, 0xa0, 0xc0, 0x20, 0x00, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0xe1),
  tag,
  field20: fc.oneof(tag, fc.constantFrom(512, 4096, 65536, 70000)),
  cmdSnAhead: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1, 500),
  offset: fc.constantFrom(0, 0, 512, 4096),
  dataSn: fc.constantFrom(0, 0, 1),
  cdb,
  data: fc.oneof(fc.constant(0), fc.constantFrom(512, 4096, 100, 8192)),
  ahs: fc.constantFrom(0, 0, 0, 1, 3),
})
const step = fc.oneof(
  { weight: 12, arbitrary: pdu },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'hold' as const }, { kind: 'letGo' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'turn' as const }, { kind: 'tick' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'move' as const }, { kind: 'answer' as const }) },
)

/** The path by which the session came turns active. */
const nextUnit = ({ device, pool, unit }: SessionHarness): LogicalUnit =>
  new LogicalUnit({
    volume: new FrontendVolume({
      ...{ device, access: OPEN_ACCESS, after: 'failover', clock: new ManualClock(), logger: silentLogger },
    }),
    ...{ pool, logger: silentLogger, before: unit },
    path: singlePath({ groupId: 1, relativePorts: () => [1] }),
  })

it('no sequence of PDUs makes it throw, answer twice, or keep memory after its end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, digests) => {
      const h = new SessionHarness({
        budgetBytes: 150_000,
        parameters: {
          dataDigest: digests,
          firstBurstLengthBytes: 8192,
          maxBurstLengthBytes: 16384,
          maxOutstandingR2t: 2,
        },
        limits: { queueDepth: 8, immediateCommandsMax: 2 },
      })
      let cmdSn = h.cmdSn
      let statSn = 500
      let pinged: number | undefined
      let moved: Promise<void> | undefined
      const watch = (): void => {
        for (const { pdu: sent } of h.received()) {
          if (!('expCmdSn' in sent)) continue
          cmdSn = sent.expCmdSn
          const showsNext =
            sent.opcode === Opcode.r2t ||
            (sent.opcode === Opcode.nopIn && sent.initiatorTaskTag === RESERVED_TAG)
          if (sent.opcode === Opcode.nopIn && showsNext) pinged = sent.targetTransferTag
          if (showsNext) expect(sent.statSn).toBe(statSn)
          else if (sent.opcode !== Opcode.dataIn || sent.statusPresent) expect(sent.statSn).toBe(statSn++)
        }
      }
      for (const action of steps) {
        if (h.ends.length > 0) break
        switch (action.kind) {
          case 'hold':
            h.device.hold()
            break
          case 'letGo':
            h.device.letGo()
            break
          case 'tick':
            h.session.tick()
            break
          case 'move':
            moved ??= h.session.moveTo(nextUnit(h), undefined)
            break
          case 'answer': {
            const answered = pinged
            if (answered === undefined) break
            h.send((view, at) => {
              for (let i = 0; i < 48; i++) view.setUint8(at + i, 0)
              view.setUint8(at, Opcode.nopOut | 0x40)
              view.setUint8(at + 1, 0x80)
              view.setUint32(at + 16, RESERVED_TAG)
              view.setUint32(at + 20, answered)
              view.setUint32(at + 24, cmdSn)
            })
            break
          }
          case 'turn':
            await new Promise((resolve) => setImmediate(resolve))
            break
          case 'pdu': {
            const { ahs } = action
            const before = cmdSn
            h.send(
              (view, at) => {
                for (let i = 0; i < 48 + ahs * 4; i++) view.setUint8(at + i, 0)
                view.setUint8(at, action.opcode | (action.immediate ? 0x40 : 0))
                view.setUint8(at + 1, action.flags)
                view.setUint32(at + 4, (ahs << 24) | action.data)
                view.setUint32(at + 16, action.tag)
                view.setUint32(at + 20, action.field20)
                view.setUint32(at + 24, before + action.cmdSnAhead)
                if (action.opcode === Opcode.dataOut) {
                  view.setUint32(at + 36, action.dataSn)
                  view.setUint32(at + 40, action.offset)
                } else {
                  const bytes = Buffer.from(action.cdb, 'hex')
                  for (const [i, byte] of bytes.entries()) view.setUint8(at + 32 + i, byte)
                }
              },
              new Uint8Array(action.data),
              ahs * 4,
            )
            if (!action.immediate && action.opcode !== Opcode.dataOut && action.cmdSnAhead === 0) cmdSn++
            break
          }
        }
        watch()
      }
      const closed = h.session.close()
      h.device.letGo()
      await closed
      await moved
      expect(h.session.takeOutput()).toBeUndefined()
      expect([h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0])
    }),
    { numRuns: 1500 },
  )
})
