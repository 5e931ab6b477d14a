import { afterEach, expect, it } from 'vitest'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { encodeScsiCommand } from '../../../src/iscsi/pdu/scsi-command.ts'
import { LoopbackTarget, rawLogin, until } from '../../e2e/iscsi/fixture.ts'
import { pattern } from '../../e2e/iscsi/session-harness.ts'

let setup: LoopbackTarget
afterEach(() => setup[Symbol.asyncDispose]())

it('RFC 7143 §6.3.5: when the login that reinstates a session is answered, nothing of the old one lands any more', async () => {
  setup = await LoopbackTarget.start()
  const old = await setup.raw()
  await old.login(rawLogin({ isid: 7 }))
  const write = (tag: number, data?: Uint8Array): void =>
    old.send(
      (view, at) =>
        encodeScsiCommand(view, at, {
          ...{ immediate: false, final: true, read: false, write: true, attr: 1, totalAhsLength: 0, lun: 0n },
          dataSegmentLength: data?.byteLength ?? 0,
          initiatorTaskTag: tag,
          expectedDataTransferLength: 4096,
          cmdSn: tag,
          expStatSn: 0,
          cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, tag * 8, 0, 0, 8, 0),
        }),
      data,
    )
  write(1, pattern(4096))
  expect((await old.next()).pdu).toMatchObject({ opcode: Opcode.scsiResponse, status: 2 }) // power on
  write(2) // waits for its data
  expect((await old.next()).pdu).toMatchObject({ opcode: Opcode.r2t })
  setup.device.hold()
  for (let tag = 3; tag < 11; tag++) write(tag, pattern(4096, tag))
  await until(() => setup.device.waiting === 8)

  const reinstated = setup.connect({ isid: 7 })
  await old.closed
  setup.device.letGo()
  const session = await reinstated
  const writesAtLogin = setup.device.counts.writes
  const client = new BlockClient(session)
  const found = new Uint8Array(4096)
  for (let tag = 2; tag < 11; tag++) {
    await client.read(tag * 8, 8, found)
    expect(found).toEqual(new Uint8Array(4096))
  }
  expect([writesAtLogin, setup.device.counts.writes, setup.target.sessions().length]).toEqual([0, 0, 1])
})
