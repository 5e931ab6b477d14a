/** A sanitize operation outlives the process: what was begun is finished, and old data is never served in between. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIB } from '../../../src/base/units.ts'
import { parseSense } from '../../../src/iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { type Host, login, patternAt, send } from './support/host.ts'
import { type BasaltProcess, withBasalt } from './support/process.ts'
import { temporaryDirectory } from './support/volume.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

const SIZE_MIB = 64
const BLOCKS = (SIZE_MIB * MIB) / 512
const PIECE_BLOCKS = MIB / 512
const target = (rate: string, ...more: string[]): string[] => [
  ...['target', '--data', `${directory.path}/data`, '--volume', 'vol1', '--size', `${SIZE_MIB}MiB`],
  ...[
    '--iscsi',
    '127.0.0.1:0',
    '--nvme',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--sanitize-rate',
    rate,
    ...more,
  ],
]
/** Slow enough to be killed in the middle, and quick. */
const SLOW = '4MiB'
const QUICK = '1GiB'

/** Key, code and qualifier of the refusal, or the status. */
async function verdict(session: InitiatorSession, cdb: string): Promise<string> {
  const { status, sense } = await send(session, cdb)
  const parsed = parseSense(sense)
  return parsed === undefined ? `status ${status}` : [parsed.key, parsed.asc, parsed.ascq].join('/')
}
const IN_PROGRESS = '2/4/27'
const TEST_UNIT_READY = '00 00 00 00 00 00'

/** A host whose data is all over the volume. */
async function hostWithData(child: BasaltProcess): Promise<Host> {
  const host = await login(await child.ready())
  await host.disk.testUnitReady()
  for (let at = 0; at < BLOCKS; at += 4 * PIECE_BLOCKS) {
    await host.disk.write(at, PIECE_BLOCKS, patternAt(at, MIB))
  }
  await host.disk.flush()
  return host
}

/** Every byte of the volume is `value(offset)`. */
async function expectAll({ disk }: Host, expected: Uint8Array): Promise<void> {
  const content = new Uint8Array(MIB)
  for (let at = 0; at < BLOCKS; at += PIECE_BLOCKS) {
    await disk.read(at, PIECE_BLOCKS, content)
    expect(Buffer.compare(content, expected), `from block ${at}`).toBe(0)
  }
}

describe('an overwrite that kill -9 interrupts', () => {
  it('goes on after the restart, again and again, and leaves the pattern everywhere', async () => {
    await withBasalt(target(SLOW), async (child) => {
      const { session } = await hostWithData(child)
      // IMMED; two bytes of pattern
      const list = Uint8Array.of(0x01, 0, 0, 2, 0xc3, 0x3c)
      expect((await send(session, '48 81 0000000000 0006 00', { dataOut: list })).status).toBe(0)
      expect(await verdict(session, TEST_UNIT_READY)).toBe(IN_PROGRESS)
      await child.kill()
    })
    await withBasalt(target(SLOW), async (child) => {
      const ready = await child.ready()
      expect(await child.logged('sanitize.resumed')).toMatchObject({ volume: 'vol1', method: 'overwrite' })
      const { session } = await login(ready)
      expect(await verdict(session, TEST_UNIT_READY)).toBe(IN_PROGRESS)
      expect(await verdict(session, '28 00 00000000 00 0001 00')).toBe(IN_PROGRESS)
      expect(await verdict(session, '2a 00 00000000 00 0000 00')).toBe(IN_PROGRESS)
      await child.kill()
    })
    await withBasalt(target(SLOW, '--read-only'), async (child) => {
      const { session } = await login(await child.ready())
      expect(await verdict(session, '28 00 00000000 00 0001 00')).toBe(IN_PROGRESS)
      await session.logout()
      await child.stop()
    })
    const expected = new Uint8Array(MIB).map((_, i) => (i % 2 === 0 ? 0xc3 : 0x3c))
    await withBasalt(target(QUICK), async (child) => {
      await child.ready()
      await child.logged('sanitize.ended')
      await child.kill()
    })
    await withBasalt(target(QUICK), async (child) => {
      const host = await login(await child.ready())
      await host.disk.testUnitReady()
      await expectAll(host, expected)
      await host.session.logout()
      expect((await child.stop()).code).toBe(0)
    })
  })
})

it('a block erase is durable when it is answered', async () => {
  await withBasalt(target(SLOW), async (child) => {
    const { session } = await hostWithData(child)
    expect((await send(session, '48 02 0000000000 0000 00')).status).toBe(0)
    await child.kill()
  })
  await withBasalt(target(SLOW), async (child) => {
    const host = await login(await child.ready())
    await host.disk.testUnitReady()
    await expectAll(host, new Uint8Array(MIB))
    await host.session.logout()
    await child.stop()
  })
})

it('a stop does not wait for an operation, which goes on at the next start', async () => {
  await withBasalt(target('64KiB'), async (child) => {
    const { session } = await hostWithData(child)
    const waiting = send(session, '48 01 0000000000 0005 00', {
      dataOut: Uint8Array.of(0x01, 0, 0, 1, 0x11),
    })
    const ended = waiting.then(
      () => 'answered',
      () => 'lost',
    )
    await child.logged('sanitize.began')
    session.close()
    expect(await ended).toBe('lost')
    expect((await child.stop()).code).toBe(0)
  })
  await withBasalt(target(QUICK), async (child) => {
    await child.logged('sanitize.ended')
    const host = await login(await child.ready())
    await host.disk.testUnitReady()
    await expectAll(host, new Uint8Array(MIB).fill(0x11))
    await host.session.logout()
    await child.stop()
  })
})
