import { expect, it } from 'vitest'
import { resultResource } from './result-resource.ts'

it('has the names and times of the API at every depth', () => {
  expect(
    resultResource({
      backup: { id: 'b', createdAtMs: 0, storedBytes: 1, isEncrypted: true, base: null, why: 'isolated' },
      found: [{ block: 7, repaired: true, mapPage: 2 }, 'aB'],
    }),
  ).toEqual({
    backup: {
      ...{ id: 'b', created_at: '1970-01-01T00:00:00.000Z', stored_bytes: 1 },
      ...{ encrypted: true, base: null, why: 'isolated' },
    },
    found: [{ block: 7, repaired: true, map_page: 2 }, 'aB'],
  })
})
