/** What comes between: logins, unit attentions and reservations while a volume's rules, ports or paths change. */
import { afterEach, describe, expect, it } from 'vitest'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { firstPortOf, portGroupOf } from '../../../src/frontend/paths.ts'
import { answerForwarded } from '../../../src/frontend/reservations/answering.ts'
import { encodeQuestion } from '../../../src/frontend/reservations/forward-codec.ts'
import { Secret } from '../../../src/frontend/secret.ts'
import { InitiatorLogin } from '../../../src/iscsi/initiator/login.ts'
import type { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import { encodeLoginRequest } from '../../../src/iscsi/pdu/login.ts'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { rawLogin } from './fixture.ts'
import { ask, attentions, HOST, NAME, PathCluster } from './paths-fixture.ts'

let cluster: PathCluster
afterEach(() => cluster.close())

/** A login of which the first request was answered; `finish` does the rest, and says what the target did. */
async function halfLogin(
  raw: RawConnection,
): Promise<{ readonly finish: () => Promise<'session' | 'none'> }> {
  const login = new InitiatorLogin(rawLogin({ targetName: NAME, initiatorName: HOST }))
  let step = login.first()
  if (step.kind !== 'send') throw new Error('nothing to send')
  // the first request alone asks for no next stage, so that another one has to come
  const { request, data } = step
  raw.send((view, at) => encodeLoginRequest(view, at, { ...request, transit: false, nsg: 0 }), data)
  const { pdu, data: answer } = await raw.next()
  if (pdu.opcode !== Opcode.loginResponse) throw new Error('no login response')
  step = login.receive({ ...pdu, transit: false }, answer)
  return {
    finish: async () => {
      while (step.kind === 'send') {
        const { request: next, data: text } = step
        raw.send((view, at) => encodeLoginRequest(view, at, next), text)
        const received = await raw.nextOrClosed()
        if (received?.pdu.opcode !== Opcode.loginResponse) return 'none'
        step = login.receive(received.pdu, received.data)
      }
      return step.kind === 'done' ? 'session' : 'none'
    },
  }
}

describe('a login that is under way', () => {
  it('ends without a session when the rules that let it in are others at its end', async () => {
    cluster = await PathCluster.start()
    cluster.tell({ a: 'active', b: 'standby' })
    const { a } = cluster.servers
    a.serve()
    const still = await halfLogin(await a.raw())
    expect(await still.finish()).toBe('session')
    for (const access of [
      { ...OPEN_ACCESS, initiators: ['iqn.x:other'] },
      { ...OPEN_ACCESS, chap: [{ user: 'user', secret: Secret.fromText('a secret of it') }] },
    ]) {
      a.volume!.setAccess(OPEN_ACCESS)
      const { finish } = await halfLogin(await a.raw())
      a.volume!.setAccess(access)
      expect(await finish()).toBe('none')
      expect(a.target.sessions()).toEqual([])
    }
  })

  it('ends without a session when the target takes none by then', async () => {
    cluster = await PathCluster.start()
    cluster.tell({ a: 'active', b: 'standby' })
    const { a } = cluster.servers
    a.serve()
    const { finish } = await halfLogin(await a.raw())
    await a.target.drain({ timeoutMs: 1000 })
    expect(await finish()).toBe('none')
    expect(a.target.sessions()).toEqual([])
  })

  it('ends without a session when the target has other ports by then', async () => {
    cluster = await PathCluster.start()
    cluster.tell({ a: 'active', b: 'standby' })
    const { a } = cluster.servers
    a.serve()
    const { finish } = await halfLogin(await a.raw())
    await a.target.removeVolume(NAME)
    a.target.addVolume({
      iqn: NAME,
      volume: a.volume!,
      firstPort: firstPortOf(3),
      groupId: portGroupOf(3),
      path: a.path!,
    })
    expect(await finish()).toBe('none')
    expect(a.target.sessions()).toEqual([])
  })
})

describe('a target that takes no sessions now', () => {
  it('tells a stranger no more than one that does', async () => {
    cluster = await PathCluster.start({ access: { ...OPEN_ACCESS, initiators: [HOST] } })
    cluster.tell({ a: 'active', b: 'standby' })
    const { a } = cluster.servers
    a.serve()
    await a.target.drain({ timeoutMs: 1000 })
    await expect(a.connect(5, `${HOST}2`)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(a.connect()).rejects.toMatchObject({ code: 'BUSY' })
  })
})

describe('a session that is being read empty', () => {
  const preempt = encodeQuestion({
    kind: 'request',
    abort: false,
    command: { kind: 'preempt', from: 'other', key: 9n, victimKey: 2n, type: 'write-exclusive' },
  })
  const register = encodeQuestion({
    kind: 'request',
    abort: false,
    command: { kind: 'register', from: 'other', currentKey: 'ignore', newKey: 9n, persistent: undefined },
  })

  it('is told afterwards that its registration was preempted meanwhile', async () => {
    cluster = await PathCluster.start()
    cluster.tell({ a: 'active', b: 'standby' })
    const { a, b } = cluster.servers
    a.serve()
    b.standby()
    const two = await b.connect(2)
    await attentions(two)
    const dataOut = new Uint8Array(24)
    dataOut[15] = 2
    expect((await ask(two, '5f 00 00 0000 00000018 00', { dataOut })).says).toBe('00')
    await cluster.forward(register)
    await a.stop()
    const active = b.activate()
    // before the initiator has seen the NOP-In
    await answerForwarded(b.volume!.reservations, preempt)
    await active
    expect(await attentions(two)).toEqual(['6/2a/05', '6/2a/06', '00'])
    await two.logout()
  })
})
