/** What came of a job, under names as the API has them: `storedBytes` is `stored_bytes`, `createdAtMs` the time `created_at`. */
import type { Json } from '../registry/registry.ts'
import { timestamp } from './schemas.ts'

export function resultResource(value: Json): Json {
  if (Array.isArray(value)) return value.map(resultResource)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]): [string, Json] =>
      name.endsWith('AtMs') && typeof inner === 'number'
        ? [snakeCase(name.slice(0, -2)), timestamp(inner)]
        : [snakeCase(name.replace(/^is([A-Z])/, '$1')), resultResource(inner)],
    ),
  )
}

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`)
