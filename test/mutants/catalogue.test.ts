import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { applyPatches, MUTANTS } from './catalogue.ts'
import { SNAPSHOT_MUTANTS } from './snapshots.ts'

describe('the known bugs', () => {
  for (const mutant of [...MUTANTS, ...SNAPSHOT_MUTANTS]) {
    it(`${mutant.name} applies to the sources as they are, and has a run that must catch it`, () => {
      for (const { file } of mutant.patches) {
        const source = readFileSync(file, 'utf8')
        expect(applyPatches(source, file, mutant)).not.toBe(source)
      }
      expect(mutant.workloads !== undefined || mutant.simSeeds !== undefined).toBe(true)
    })
  }
})
