import { afterEach, describe, expect, it } from 'vitest'
import { rawLogin, until } from '../../../test/e2e/iscsi/fixture.ts'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { NAME, PathCluster } from '../../../test/e2e/iscsi/paths-fixture.ts'
import type { Timer } from '../../base/ports/clock.ts'
import { InitiatorLogin } from '../initiator/login.ts'
import type { RawConnection } from '../initiator/raw-connection.ts'
import { encodeLoginRequest } from '../pdu/login.ts'
import { LoginStatus, Opcode } from '../pdu/opcodes.ts'
import { TARGET_LIMITS } from './limits.ts'

let cluster: PathCluster
afterEach(() => cluster.close())

/** Knows when a login is held: only that waits so shortly. */
class WatchedClock extends ManualClock {
  held = 0
  override after(delayMs: number, callback: () => void): Timer {
    if (delayMs <= 50) this.held++
    return super.after(delayMs, callback)
  }
}

const setup = async () => {
  const clock = new WatchedClock()
  cluster = await PathCluster.start({ isMultipath: false, clock })
  cluster.tell({ a: 'transitioning', b: 'transitioning' })
  return { clock, ...cluster.servers }
}

function login(raw: RawConnection): void {
  const step = new InitiatorLogin(rawLogin({ targetName: NAME })).first()
  if (step.kind !== 'send') throw new Error('nothing to send')
  raw.send((view, at) => encodeLoginRequest(view, at, step.request), step.data)
}

async function status(raw: RawConnection): Promise<number> {
  const { pdu } = await raw.next()
  if (pdu.opcode !== Opcode.loginResponse) throw new Error('no login response')
  return pdu.status
}

/** Whether nothing was answered, after the server has had its turns. */
async function isSilent(answered: { is: boolean }): Promise<boolean> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  return !answered.is
}

describe('a login at a target that nobody serves', () => {
  it('is told so after half a second, and not before', async () => {
    const { clock, b } = await setup()
    const raw = await b.raw()
    login(raw)
    const answered = { is: false }
    const told = status(raw).finally(() => {
      answered.is = true
    })
    await until(() => clock.held === 1)
    clock.advance(499)
    expect(await isSilent(answered)).toBe(true)
    clock.advance(1)
    expect(await told).toBe(LoginStatus.serviceUnavailable)
    await raw.closed
  })

  it('is told where it is as soon as it is somewhere', async () => {
    const { clock, b } = await setup()
    const raw = await b.raw()
    login(raw)
    await until(() => clock.held === 1)
    clock.advance(100)
    cluster.tell({ a: 'active', b: 'standby' })
    clock.advance(50)
    expect(await status(raw)).toBe(LoginStatus.targetMovedTemporarily)
    await raw.closed
  })

  it('goes on when it is served here', async () => {
    const { clock, b } = await setup()
    const raw = await b.raw()
    const done = raw.login(rawLogin({ targetName: NAME }))
    await until(() => clock.held === 1)
    b.serve()
    clock.advance(50)
    await done
    expect(b.target.sessions().length).toBe(1)
    raw.close()
  })

  it('may not send on, and leaves nothing when it goes', async () => {
    const { clock, b } = await setup()
    const [one, two] = [await b.raw(), await b.raw()]
    for (const raw of [one, two]) login(raw)
    await until(() => clock.held === 2)
    login(one)
    await one.closed
    two.close()
    clock.advance(10_000)
    // no place is kept: the next one is answered as ever
    cluster.tell({ a: 'active', b: 'standby' })
    const three = await b.raw()
    login(three)
    expect(await status(three)).toBe(LoginStatus.targetMovedTemporarily)
  })

  it('is told at once when so many others wait that nobody else would find a connection', async () => {
    const { clock, b } = await setup()
    const raws = await Promise.all(Array.from({ length: TARGET_LIMITS.heldLoginsMax }, () => b.raw()))
    for (const raw of raws) login(raw)
    await until(() => clock.held === raws.length)
    const one = await b.raw()
    login(one)
    expect(await status(one)).toBe(LoginStatus.serviceUnavailable)
    // one that goes makes room
    raws[0]!.close()
    const isHeld = until(() => clock.held > raws.length)
    while (clock.held === raws.length) {
      const next = await b.raw()
      login(next)
      await Promise.race([isHeld, status(next)])
    }
  })
})
