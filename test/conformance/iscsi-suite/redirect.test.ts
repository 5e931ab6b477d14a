import { expect, it } from 'vitest'
import { InitiatorLogin } from '../../../src/iscsi/initiator/login.ts'
import { encodeLoginRequest } from '../../../src/iscsi/pdu/login.ts'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { IQN, LoopbackTarget, rawLogin } from '../../e2e/iscsi/fixture.ts'

it.each([
  ['temporarily, 0101h', false, 0x0101],
  ['permanently, 0102h', true, 0x0102],
])(
  'RFC 7143 §11.13.5: a target that moved %s is told with its TargetAddress, and the connection ends',
  async (_how, permanently, status) => {
    const setup = await LoopbackTarget.start({
      elsewhere: {
        find: () => ({ kind: 'moved', address: '192.0.2.7:3260,2', permanently }),
        targets: () => [],
      },
    })
    await setup.target.removeVolume(IQN)
    const connection = await setup.raw()
    await expect(connection.login(rawLogin())).rejects.toMatchObject({ message: 'the target moved' })
    await connection.closed
    const raw = await setup.raw()
    const step = new InitiatorLogin(rawLogin()).first()
    if (step.kind !== 'send') throw new Error('nothing to send')
    raw.send((view, at) => encodeLoginRequest(view, at, step.request), step.data)
    const { pdu, data } = await raw.next()
    expect(pdu).toMatchObject({ opcode: Opcode.loginResponse, status, transit: false })
    expect(Buffer.from(data).toString()).toBe('TargetAddress=192.0.2.7:3260,2\0')
    await raw.closed
    await setup[Symbol.asyncDispose]()
  },
)
