import { describe, expect, it } from 'vitest'
import { runScenario, SCENARIOS } from './catalogue.ts'

describe('a cluster', () => {
  it.each(Object.keys(SCENARIOS))('holds in %s', async (name) => {
    expect(await runScenario(name)).toBeUndefined()
  })
})
