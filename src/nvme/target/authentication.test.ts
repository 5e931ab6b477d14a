/** DH-HMAC-CHAP over the wire: our host, the network within the process, the target. */
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { HOST_NQN, NQN, NvmeTargetHarness, turn } from '../../../test/e2e/nvme/target-harness.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { silentLogger } from '../../base/log.ts'
import { type DhchapCredential, OPEN_ACCESS } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import { DhchapAuthentication } from '../auth/authentication.ts'
import { keysOf } from '../auth/credentials.ts'
import { formatSecret, generateKey } from '../auth/secret.ts'
import { AdminOpcode, FabricsType } from '../commands.ts'
import { type AuthenticatorOptions, dhchapAuthenticator } from '../initiator/authenticate.ts'
import { NvmeBlockClient } from '../initiator/block-client.ts'
import type { NvmeRequest } from '../initiator/command.ts'
import type { AuthenticateQueue } from '../initiator/host-controller.ts'
import { final, formatStatus, STATUS } from '../status.ts'
import type { NvmeTargetOptions } from './target-types.ts'

const random = new SeededRandom(11)
const newSecret = (): Secret => Secret.fromText(formatSecret(generateKey(random, 'sha512')))
const CREDENTIAL: DhchapCredential = {
  host: HOST_NQN,
  secret: newSecret(),
  controllerSecret: newSecret(),
}

const serve = (options: Partial<NvmeTargetOptions> = {}): Promise<NvmeTargetHarness> =>
  new NvmeTargetHarness({
    ...options,
    access: { ...OPEN_ACCESS, dhchap: [CREDENTIAL] },
    authentication: new DhchapAuthentication({ random, clock: new ManualClock(), logger: silentLogger }),
  }).serve()

function authenticator(credential: DhchapCredential): ReturnType<typeof dhchapAuthenticator> {
  const keys = keysOf(credential)
  if (typeof keys === 'string') throw new Error(keys)
  const options: AuthenticatorOptions = { hostNqn: HOST_NQN, subsystemNqn: NQN, keys, random }
  return dhchapAuthenticator(options)
}

/** Proves itself with `secret`, and does not ask for the verdict. */
const silentAfterProof =
  (secret: Secret): AuthenticateQueue =>
  (queue, of) => {
    let receives = 0
    const deaf = {
      execute: (request: NvmeRequest) => {
        const isReceive = request.fctype === FabricsType.authenticationReceive
        if (isReceive && ++receives === 2) throw new Error('gone')
        return queue.execute(request)
      },
    }
    return authenticator({ host: HOST_NQN, secret })(deaf as typeof queue, of)
  }

describe('a volume that asks for authentication', () => {
  it('is used by a host that proves itself on every queue, one way and both ways', async () => {
    for (const credential of [CREDENTIAL, { host: HOST_NQN, secret: CREDENTIAL.secret }]) {
      const h = await serve()
      const controller = await h.connect({ queues: 3, authenticate: authenticator(credential) })
      const client = new NvmeBlockClient(controller)
      const data = new Uint8Array(4096).fill(0x5a)
      await client.write({ lba: 8, blocks: 8 }, data)
      const back = new Uint8Array(4096)
      await client.read({ lba: 8, blocks: 8 }, back)
      expect(back).toEqual(data)
      await controller.disconnect()
      await h.target.close()
    }
  })

  it('is out of reach for whoever has another secret, none, or another name', async () => {
    const h = await serve()
    const wrong = authenticator({ host: HOST_NQN, secret: newSecret() })
    await expect(h.connect({ authenticate: wrong })).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(h.connect()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const stranger = h.connect({ hostNqn: `${HOST_NQN}x`, authenticate: authenticator(CREDENTIAL) })
    await expect(stranger).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(h.target.sessions()).toEqual([])
    await h.target.close()
  })

  it('is not used by a host that does not believe the target', async () => {
    const h = await serve()
    const doubting = authenticator({ ...CREDENTIAL, controllerSecret: newSecret() })
    await expect(h.connect({ authenticate: doubting })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      facts: { by: 'host' },
    })
    await h.target.close()
  })

  it('counts a wrong proof also when the host does not ask what became of it', async () => {
    const h = await serve({ loginLimits: { burst: 4, perSecond: 0, failureCost: 32, addressesMax: 4 } })
    await expect(h.connect({ authenticate: silentAfterProof(newSecret()) })).rejects.toThrow('gone')
    await expect(h.connect({ authenticate: authenticator(CREDENTIAL) })).rejects.toThrow()
    expect(h.target.sessions().length).toBeLessThan(2)
    await h.target.close()
  })

  it('ends an association that proves itself again and fails, also when the host does not ask', async () => {
    const h = await serve()
    const right = authenticator(CREDENTIAL)
    const wrong = silentAfterProof(newSecret())
    const statuses: string[] = []
    const connecting = h.connect({
      authenticate: async (queue, of) => {
        await right(queue, of)
        await wrong(queue, of).catch(() => undefined)
        const alive = queue.execute({ opcode: AdminOpcode.keepAlive, nsid: 0 })
        statuses.push(
          await alive.then(
            ({ status }) => formatStatus(status),
            () => 'cut',
          ),
        )
        h.clock.advance(1)
        await turn()
        throw new Error('seen')
      },
    })
    await expect(connecting).rejects.toThrow('seen')
    expect(statuses).toEqual([formatStatus(final(STATUS.AUTHENTICATION_REQUIRED))])
    expect(h.target.sessions()).toEqual([])
    await h.target.close()
  })

  it('lets nobody stay who came before it asked', async () => {
    const open = await new NvmeTargetHarness({
      authentication: new DhchapAuthentication({ random, clock: new ManualClock(), logger: silentLogger }),
    }).serve()
    const before = await open.connect()
    open.volume.setAccess({ ...OPEN_ACCESS, dhchap: [CREDENTIAL] })
    expect((await before.closed).code).toBe('DISCONNECTED')
    const proved = await open.connect({ authenticate: authenticator(CREDENTIAL) })
    open.volume.setAccess({ ...OPEN_ACCESS, dhchap: [{ ...CREDENTIAL, secret: newSecret() }] })
    await turn()
    expect(proved.isOpen).toBe(true)
    await open.target.close()
  })
})
