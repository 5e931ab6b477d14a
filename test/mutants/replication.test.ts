import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HUNTS } from '../sim/cluster/mutants/hunts.ts'
import { applyPatches } from './catalogue.ts'
import { mutantRun } from './launch.ts'
import { REPLICATION_MUTANTS } from './replication.ts'

/** Caught within a few seeds. `npm run cluster -- --mutants` catches all of them. */
const QUICK = [
  'doubtful-promoted',
  'one-answer-is-enough',
  'resync-not-marked',
  'epoch-continued-after-reopen',
]

describe('known bugs of the replication rules', () => {
  it.each(REPLICATION_MUTANTS)('$name still applies to the sources', (mutant) => {
    for (const file of new Set(mutant.patches.map((patch) => patch.file))) {
      const source = readFileSync(file, 'utf8')
      expect(applyPatches(source, file, mutant)).not.toBe(source)
    }
    expect((mutant.clusterSeeds ?? 0) > 0 || HUNTS[mutant.name] !== undefined).toBe(true)
  })

  it.each(QUICK)('%s is caught', (name) => {
    const mutant = REPLICATION_MUTANTS.find((one) => one.name === name)!
    const { execArgv, env } = mutantRun(mutant)
    const args = [...execArgv, 'test/cluster/main.ts', '--until-caught', '1500']
    const child = spawnSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' })
    expect(child.stderr).toBe('')
    expect(child.stdout).toMatch(/^seed \d+, /)
  })
})
