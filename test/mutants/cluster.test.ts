import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HUNTS } from '../sim/cluster/mutants/hunts.ts'
import { SCENARIOS } from '../sim/cluster/scenarios/catalogue.ts'
import { applyPatches } from './catalogue.ts'
import { CLUSTER_MUTANTS } from './cluster.ts'
import { MASTER_MUTANTS } from './masters.ts'
import { PATH_MUTANTS } from './paths.ts'
import { REPLICATION_MUTANTS } from './replication.ts'

describe('known bugs of what carries the replication rules out', () => {
  it.each([...CLUSTER_MUTANTS, ...MASTER_MUTANTS, ...PATH_MUTANTS])(
    '$name still applies to the sources, and is looked for',
    (mutant) => {
      for (const file of new Set(mutant.patches.map((patch) => patch.file))) {
        const source = readFileSync(file, 'utf8')
        expect(applyPatches(source, file, mutant)).not.toBe(source)
      }
      expect(HUNTS[mutant.name]).toBeDefined()
    },
  )

  it('are looked for in scenarios that there are', () => {
    const known = [...CLUSTER_MUTANTS, ...MASTER_MUTANTS, ...PATH_MUTANTS, ...REPLICATION_MUTANTS].map(
      ({ name }) => name,
    )
    for (const [name, { scenario }] of Object.entries(HUNTS)) {
      expect(known).toContain(name)
      if (scenario !== undefined) expect(Object.keys(SCENARIOS)).toContain(scenario)
    }
  })
})
