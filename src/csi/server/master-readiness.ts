/** Whether the master answers, and lets this driver in: what the driver's own readiness is. */
import { Type } from 'typebox'
import { isBlockError } from '../../base/errors.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import type { Readiness } from '../identity.ts'

const Anything = Type.Object({})

/** Several that ask at once are one question. `client` has a timeout of its own, which bounds the wait. */
export function masterReadiness(client: Pick<ApiClient, 'get'>): () => Promise<Readiness> {
  let asking: Promise<Readiness> | undefined
  return () => {
    asking ??= ask(client).finally(() => {
      asking = undefined
    })
    return asking
  }
}

/** A token or a certificate that is refused stays so until somebody gives another; all else may pass. */
async function ask(client: Pick<ApiClient, 'get'>): Promise<Readiness> {
  try {
    // not /healthz, which anybody may ask
    await client.get('/block/status', Anything)
    return { kind: 'ready' }
  } catch (error) {
    if (!isBlockError(error)) throw error
    return { kind: error.code === 'ACCESS_DENIED' ? 'broken' : 'waiting', reason: error.message }
  }
}
