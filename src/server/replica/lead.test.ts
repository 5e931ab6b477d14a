import { expect, it } from 'vitest'
import { silentLogger } from '../../base/log.ts'
import { Lead } from './lead.ts'

it('a lead that has not begun says that it is not led here, which is told from other conflicts', () => {
  const unused = (): never => expect.fail('nothing is asked')
  const lead = new Lead({
    ...{ volume: '11111111-2222-4333-8444-555555555555', uuid: new Uint8Array(16), name: 'v' },
    ...{ logger: silentLogger, onFatal: unused, served: { volume: unused } },
    tickets: {} as never,
    tasks: {} as never,
  })
  expect(() => lead.in(1)).toThrow(
    expect.objectContaining({
      code: 'CONFLICT',
      facts: expect.objectContaining({ reason: 'not_led' }) as object,
    }) as Error,
  )
})
