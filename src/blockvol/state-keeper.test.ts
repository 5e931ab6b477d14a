import { expect, it } from 'vitest'
import { realDisk, useScratch } from '../../test/blockvol/scratch.ts'
import { ENTRY_KIND } from './format/log-group.ts'
import { StateKeeper } from './state-keeper.ts'

const scratch = useScratch()

it('keeps what front ends stored after the bytes of the entry were given back', async () => {
  const path = scratch.next()
  const file = await realDisk.open(path, { create: 'new' })
  const fresh = {
    asOfLsn: 0,
    sizeBytes: 1 << 20,
    formatLevel: 1,
    epochs: [],
    snapshots: [],
    origin: undefined,
    frontendState: new Uint8Array(0),
  }
  await StateKeeper.create(file, fresh)
  const keeper = await StateKeeper.open(file, 1)
  // a replica gets entries in Buffers of a pool, whose `slice` copies nothing
  const lent = Buffer.from('reserved by somebody')
  keeper.apply({ kind: ENTRY_KIND.frontendState, lsn: 1, argument: 8, blocks: 0, data: lent })
  lent.fill(0xdb)
  expect(Buffer.from(keeper.current.frontendState).toString()).toBe('reserved')
  await file.close()
})
