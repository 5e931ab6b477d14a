/** TARGET COLD RESET as an initiator sees it on the wire (RFC 7143 §11.5.1): a response, and then the end. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import {
  Opcode,
  RESERVED_TAG,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../../src/iscsi/pdu/opcodes.ts'
import { encodeTaskManagementRequest } from '../../../src/iscsi/pdu/task-management.ts'
import { LoopbackTarget, rawLogin, until } from './fixture.ts'

let setup: LoopbackTarget
const open: RawConnection[] = []
beforeEach(async () => {
  setup = await LoopbackTarget.start()
})
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await setup[Symbol.asyncDispose]()
})

async function loggedIn(isid: number): Promise<RawConnection> {
  const connection = await setup.raw()
  open.push(connection)
  await connection.login(rawLogin({ isid }))
  return connection
}

/** TARGET COLD RESET as an immediate request, so that it needs no number of its own. */
const reset = (connection: RawConnection): void =>
  connection.send((view, offset) =>
    encodeTaskManagementRequest(view, offset, {
      immediate: true,
      function: TaskManagementFunction.targetColdReset,
      lun: 0n,
      initiatorTaskTag: 77,
      referencedTaskTag: RESERVED_TAG,
      cmdSn: 1,
      expStatSn: 0,
      refCmdSn: 0,
      expDataSn: 0,
    }),
  )

it('answers who asked, and then ends every session of the target', async () => {
  const [asking, other] = [await loggedIn(1), await loggedIn(2)]
  reset(asking)
  expect((await asking.next()).pdu).toMatchObject({
    opcode: Opcode.taskManagementResponse,
    response: TaskManagementResponseCode.functionComplete,
    initiatorTaskTag: 77,
  })
  expect(await asking.nextOrClosed()).toBeUndefined()
  expect(await other.nextOrClosed()).toBeUndefined()
  await until(() => setup.target.sessions().length === 0)
})

it('lets the same initiator log in again', async () => {
  const asking = await loggedIn(1)
  reset(asking)
  await asking.next()
  await asking.closed
  const client = await setup.client({ isid: 1 })
  await client.testUnitReady()
  await client.session.logout()
})
