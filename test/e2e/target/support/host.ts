/** A host that uses a target: the user-space initiator over real TCP. */
import { parseHostPort } from '../../../../src/base/address.ts'
import type { ChapCredential } from '../../../../src/frontend/access.ts'
import { RealClock } from '../../../../src/io/clock.ts'
import { RealNet } from '../../../../src/io/net.ts'
import { RealRandom } from '../../../../src/io/random.ts'
import { loadSyscalls } from '../../../../src/io/syscalls.ts'
import { BlockClient } from '../../../../src/iscsi/initiator/block-client.ts'
import { Initiator } from '../../../../src/iscsi/initiator/initiator.ts'
import { parseSense } from '../../../../src/iscsi/initiator/sense.ts'
import type { ExecuteResult, InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import { SENSE_KEY } from '../../../../src/iscsi/scsi/sense.ts'
import type { ReadyLine } from '../../../../src/server/target-daemon.ts'

export interface Host {
  readonly session: InitiatorSession
  readonly disk: BlockClient
}

export interface HostOptions {
  readonly name?: string
  readonly chap?: ChapCredential
}

export const HOST_NAME = 'iqn.2026-11.org.example:host1'

export const initiatorOf = ({ name = HOST_NAME }: HostOptions = {}): Initiator =>
  new Initiator({
    net: new RealNet(),
    clock: new RealClock({ syscalls: loadSyscalls() }),
    random: new RealRandom(),
    initiatorName: name,
  })

/** Logs in to the target of a ready line. */
export async function login(
  { iscsi, iqn }: Pick<ReadyLine, 'iscsi' | 'iqn'>,
  options: HostOptions = {},
): Promise<Host> {
  const { chap } = options
  const session = await initiatorOf(options).connect({
    portal: parseHostPort(iscsi, 'portal'),
    targetName: iqn,
    ...(chap === undefined ? {} : { chap }),
  })
  return { session, disk: new BlockClient(session) }
}

/** Sends a command as it stands, given in hex; once more after a unit attention. */
export async function send(
  session: InitiatorSession,
  cdb: string,
  data: { readonly dataOut?: Uint8Array; readonly dataInLengthBytes?: number } = {},
): Promise<ExecuteResult> {
  const request = { cdb: Uint8Array.from(Buffer.from(cdb.replaceAll(' ', ''), 'hex')), ...data }
  const result = await session.execute(request)
  return parseSense(result.sense)?.key === SENSE_KEY.UNIT_ATTENTION ? session.execute(request) : result
}

/** Bytes that only their place determines, so that any reader can tell what should be there. */
export function patternAt(block: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  let value = (block * 2_654_435_761) >>> 0
  for (let i = 0; i < lengthBytes; i++) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = value >>> 24
  }
  return bytes
}
