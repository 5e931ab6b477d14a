/** Persistent reservations over a loss of power: with APTPL they bind hosts again, without it they are gone. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { login, send } from './support/host.ts'
import { withBasalt } from './support/process.ts'
import { temporaryDirectory } from './support/volume.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

const target = (): string[] => [
  ...['target', '--data', `${directory.path}/data`, '--volume', 'vol1', '--size', '16MiB'],
  ...['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
]
const KEY = '1122334455667788'
const OTHER = { name: 'iqn.2026-11.org.example:host2' }
const RESERVATION_CONFLICT = 0x18

/** The parameter list of PERSISTENT RESERVE OUT. */
const list = (key: string, actionKey: string, flags: number): Uint8Array =>
  Uint8Array.from(
    Buffer.from(`${key}${actionKey}00000000${flags.toString(16).padStart(2, '0')}000000`, 'hex'),
  )

async function statusOf(session: InitiatorSession, cdb: string, dataOut?: Uint8Array): Promise<number> {
  return (await send(session, cdb, dataOut === undefined ? {} : { dataOut })).status
}
const writeBlock = (session: InitiatorSession): Promise<number> =>
  statusOf(session, '2a 00 00000000 00 0001 00', new Uint8Array(512).fill(1))

it.each([
  ['with APTPL', 1, RESERVATION_CONFLICT],
  ['without it', 0, 0],
])('%s, after kill -9', async (_, aptpl, expected) => {
  await withBasalt(target(), async (child) => {
    const ready = await child.ready()
    const { session } = await login(ready)
    expect(await statusOf(session, '5f 00 00 0000 00000018 00', list('00'.repeat(8), KEY, aptpl))).toBe(0)
    // write exclusive
    expect(await statusOf(session, '5f 01 01 0000 00000018 00', list(KEY, '00'.repeat(8), 0))).toBe(0)
    expect(await writeBlock(session)).toBe(0)
    expect(await writeBlock((await login(ready, OTHER)).session)).toBe(RESERVATION_CONFLICT)
    await child.kill()
  })
  await withBasalt(target(), async (child) => {
    const ready = await child.ready()
    const other = await login(ready, OTHER)
    expect(await writeBlock(other.session)).toBe(expected)
    const { session } = await login(ready)
    const { dataIn } = await send(session, '5e 00 0000000000 0100', { dataInLengthBytes: 256 })
    expect(Buffer.from(dataIn.subarray(8)).toString('hex')).toBe(aptpl === 1 ? KEY : '')
    await Promise.all([other.session.logout(), session.logout()])
    await child.stop()
  })
})
