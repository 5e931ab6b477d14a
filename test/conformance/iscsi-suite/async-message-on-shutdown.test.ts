import { afterEach, expect, it } from 'vitest'
import { AsyncEvent, Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { LoopbackTarget, rawLogin } from '../../e2e/iscsi/fixture.ts'

let setup: LoopbackTarget
afterEach(() => setup[Symbol.asyncDispose]())

it('RFC 7143 §11.9.1: a target that drains asks every session for a logout within the time it gives, and admits none', async () => {
  setup = await LoopbackTarget.start()
  const normal = await setup.raw()
  await normal.login(rawLogin({ isid: 1 }))
  const discovery = await setup.raw()
  const { targetName: _, ...noTarget } = rawLogin({ isid: 2 })
  await discovery.login(noTarget)
  const drained = setup.target.drain({ timeoutMs: 7_000 })
  for (const connection of [normal, discovery]) {
    expect((await connection.next()).pdu).toMatchObject({
      opcode: Opcode.asyncMessage,
      asyncEvent: AsyncEvent.logoutRequest,
      parameter3: 7,
    })
  }
  const late = await setup.raw()
  const refusal = late.login(rawLogin({ isid: 3 }))
  await expect(refusal).rejects.toMatchObject({ facts: { statusClass: 3, statusDetail: 1 } })
  normal.close()
  discovery.close()
  await drained
})
