/** Our host against the target's side, with nothing between them but the commands. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { silentLogger } from '../../base/log.ts'
import type { Random } from '../../base/ports/random.ts'
import { Secret } from '../../frontend/secret.ts'
import { DhchapAuthentication } from '../auth/authentication.ts'
import { type DhchapKeys, keysOf } from '../auth/credentials.ts'
import { FAILURE } from '../auth/messages.ts'
import { formatSecret, generateKey } from '../auth/secret.ts'
import { FabricsType } from '../commands.ts'
import type { AuthenticationExchange } from '../controller/authentication.ts'
import { STATUS } from '../status.ts'
import { dhchapAuthenticator } from './authenticate.ts'
import type { NvmeRequest, NvmeResult } from './command.ts'

const random: Random = {
  bytes: (lengthBytes) => randomBytes(lengthBytes),
  u64: () => 1n,
  integer: (limit) => randomBytes(4).readUInt32LE() % limit,
}
const NAMES = { hostNqn: 'nqn.2026-11.org.example:host', subsystemNqn: 'nqn.2026-11.io.basalt:vol' }
const SUBJECT = { ...NAMES, controllerId: 1, queueId: 0 }
const newSecret = (): Secret => Secret.fromText(formatSecret(generateKey(random)))

function keysFrom(secret: Secret, controllerSecret?: Secret): DhchapKeys {
  const keys = keysOf({ host: '', secret, ...(controllerSecret !== undefined && { controllerSecret }) })
  if (typeof keys === 'string') throw new Error(keys)
  return keys
}

/** A queue whose commands go straight into the exchange. */
function queueOf(exchange: AuthenticationExchange, requests: NvmeRequest[] = []) {
  return {
    execute: async (request: NvmeRequest): Promise<NvmeResult> => {
      requests.push(request)
      const result = { status: STATUS.SUCCESS, dw0: 0, dw1: 0, dataInBytes: 0 }
      if (request.fctype === FabricsType.authenticationSend) {
        exchange.send(request.dataOut!)
        return result
      }
      const message = exchange.receive(request.dataIn!.byteLength)
      if (message === undefined) return { ...result, status: STATUS.COMMAND_SEQUENCE_ERROR }
      request.dataIn!.set(message)
      return { ...result, dataInBytes: message.byteLength }
    },
  }
}

function target(
  secret: Secret,
  controllerSecret?: Secret,
): { begin(): AuthenticationExchange; warnings: string[] } {
  const warnings: string[] = []
  const authentication = new DhchapAuthentication({
    random,
    clock: new ManualClock(),
    logger: { ...silentLogger, warn: (event) => warnings.push(event) },
  })
  const credential = {
    host: NAMES.hostNqn,
    secret,
    ...(controllerSecret !== undefined && { controllerSecret }),
  }
  return { begin: () => authentication.begin({ ...SUBJECT, credential }), warnings }
}

describe('our host', () => {
  const [secret, controllerSecret] = [newSecret(), newSecret()]
  const authenticator = (keys: DhchapKeys) => dhchapAuthenticator({ ...NAMES, keys, random })

  it('proves itself, and has the controller prove itself where it has a key for it', async () => {
    for (const keys of [keysFrom(secret), keysFrom(secret, controllerSecret)]) {
      const exchange = target(secret, controllerSecret).begin()
      const requests: NvmeRequest[] = []
      await authenticator(keys)(queueOf(exchange, requests), SUBJECT)
      expect(exchange.state).toBe('authenticated')
      expect(requests.map(({ cdw10 }) => cdw10)).toEqual(requests.map(() => 0xe9010100))
      expect(requests.length).toBe(keys.controllerKey === undefined ? 4 : 5)
    }
  })

  it('is refused with another secret, and refuses a controller with another', async () => {
    for (const [keys, by] of [
      [keysFrom(newSecret()), 'controller'],
      [keysFrom(secret, newSecret()), 'host'],
    ] as const) {
      const { begin, warnings } = target(secret, controllerSecret)
      const exchange = begin()
      await expect(authenticator(keys)(queueOf(exchange), SUBJECT)).rejects.toMatchObject({
        code: 'ACCESS_DENIED',
        facts: { by, code: FAILURE.FAILED },
      })
      expect([exchange.state, warnings]).toEqual(['failed', ['nvme.authentication_refused']])
    }
  })

  it('gets nowhere where the stored secret cannot be read', async () => {
    const { begin, warnings } = target(Secret.fromText('rubbish'))
    const exchange = begin()
    await expect(authenticator(keysFrom(secret))(queueOf(exchange), SUBJECT)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
    expect(warnings).toEqual(['nvme.secret_unreadable', 'nvme.authentication_refused'])
  })
})
