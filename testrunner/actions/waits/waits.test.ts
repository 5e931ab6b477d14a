import { expect, it } from 'vitest'
import type { ActionContext } from '../action.ts'
import { WAIT_LEADER } from './replicas.ts'

it('says which leader was waited for', async () => {
  const context = {
    ...{ signal: AbortSignal.abort(), progress: () => undefined },
    world: { cluster: { servers: [{ name: 's2' }] } },
  } as unknown as ActionContext
  const message = (args: Readonly<Record<string, unknown>>): Promise<unknown> =>
    WAIT_LEADER.run(context, { volume: 'v1', ...args }).catch((error: Error) => error.message)
  const end = '; at the end: nothing was seen yet'
  expect(await message({})).toBe(`waited for a leader of v1${end}`)
  expect(await message({ not: 's3' })).toBe(`waited for a leader of v1 other than s3${end}`)
  expect(await message({ not: 's3', epoch_above: 4 })).toBe(
    `waited for a leader of v1 other than s3, in an epoch above 4${end}`,
  )
  expect(await message({ is: 's2', epoch_above: 0 })).toBe(
    `waited for s2 to lead v1, in an epoch above 0${end}`,
  )
})
