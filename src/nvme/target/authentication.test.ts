/** DH-HMAC-CHAP over the wire: our host, the network within the process, the target. */
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { HOST_NQN, NQN, NvmeTargetHarness } from '../../../test/e2e/nvme/target-harness.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { silentLogger } from '../../base/log.ts'
import { type DhchapCredential, OPEN_ACCESS } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import { DhchapAuthentication } from '../auth/authentication.ts'
import { keysOf } from '../auth/credentials.ts'
import { formatSecret, generateKey } from '../auth/secret.ts'
import { type AuthenticatorOptions, dhchapAuthenticator } from '../initiator/authenticate.ts'
import { NvmeBlockClient } from '../initiator/block-client.ts'

const random = new SeededRandom(11)
const newSecret = (): Secret => Secret.fromText(formatSecret(generateKey(random, 'sha512')))
const CREDENTIAL: DhchapCredential = {
  host: HOST_NQN,
  secret: newSecret(),
  controllerSecret: newSecret(),
}

const serve = (): Promise<NvmeTargetHarness> =>
  new NvmeTargetHarness({
    access: { ...OPEN_ACCESS, dhchap: [CREDENTIAL] },
    authentication: new DhchapAuthentication({ random, clock: new ManualClock(), logger: silentLogger }),
  }).serve()

function authenticator(credential: DhchapCredential): ReturnType<typeof dhchapAuthenticator> {
  const keys = keysOf(credential)
  if (typeof keys === 'string') throw new Error(keys)
  const options: AuthenticatorOptions = { hostNqn: HOST_NQN, subsystemNqn: NQN, keys, random }
  return dhchapAuthenticator(options)
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
})
