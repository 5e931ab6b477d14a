/**
 * Applies a known bug to the sources as they are loaded:
 *
 *   BASALT_MUTANT=name node --import ./test/mutants/loader.ts …
 *
 * The bug is a list of exact replacements (`catalogue.ts`). Each text must stand in its file exactly once, or the
 * process ends: a mutant that no longer applies proves nothing. `BASALT_MUTANT` may also name a JSON file with such a
 * list, to try one out.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { applyPatches, MUTANTS, type Mutant } from './catalogue.ts'
import { CLUSTER_MUTANTS } from './cluster.ts'
import { MASTER_MUTANTS } from './masters.ts'
import { PATH_MUTANTS } from './paths.ts'
import { REPLICATION_MUTANTS } from './replication.ts'
import { SNAPSHOT_MUTANTS } from './snapshots.ts'

const ALL = [
  ...MUTANTS,
  ...SNAPSHOT_MUTANTS,
  ...REPLICATION_MUTANTS,
  ...CLUSTER_MUTANTS,
  ...MASTER_MUTANTS,
  ...PATH_MUTANTS,
]

const name = process.env.BASALT_MUTANT
if (name !== undefined && name !== '') {
  const mutant = name.endsWith('.json')
    ? (JSON.parse(readFileSync(name, 'utf8')) as Mutant)
    : ALL.find((one) => one.name === name)
  if (mutant === undefined) {
    process.stderr.write(`no mutant is called ${name}; there are: ${ALL.map((one) => one.name).join(', ')}\n`)
    process.exit(2)
  }
  install(mutant)
}

function install(mutant: Mutant): void {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const files = new Set(mutant.patches.map((patch) => patch.file))
  // all of them at once and before anything runs, so that a text that is gone is seen even if its file is not loaded
  const sources = new Map<string, string>()
  for (const file of files) {
    const path = `${root}${file}`
    sources.set(path, applyPatches(readFileSync(path, 'utf8'), file, mutant))
  }
  registerHooks({
    load(url, context, nextLoad) {
      const source = url.startsWith('file:') ? sources.get(fileURLToPath(url)) : undefined
      if (source === undefined) return nextLoad(url, context)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}
