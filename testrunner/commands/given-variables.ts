/** `--var k=v` of a command that is given several scenarios, of which not every one has each variable. */
import { BlockError } from '../../src/base/errors.ts'
import { printable } from '../../src/base/names.ts'
import { suggest } from '../../src/config/suggest.ts'
import type { Variables } from '../model/scenario.ts'
import type { ScenarioHead } from '../reading/read-scenario.ts'

/** Reads `name=value` texts. INVALID_ARGUMENT for one without a name. */
export function parseVariables(texts: readonly string[]): Variables {
  const pairs = texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new BlockError('INVALID_ARGUMENT', `--var: '${printable(text)}' is not NAME=VALUE`)
    return [text.slice(0, at), text.slice(at + 1)] as const
  })
  return Object.fromEntries(pairs)
}

/** INVALID_ARGUMENT when none of `heads` has one of the variables. Files that cannot be read may have any. */
export function checkGiven(given: Variables, heads: readonly ScenarioHead[]): void {
  if (heads.some(({ problems }) => problems.length > 0)) return
  const known = new Set(heads.flatMap(({ variables }) => variables.map(({ name }) => name)))
  for (const name of Object.keys(given)) {
    if (known.has(name)) continue
    const near = suggest(name.slice(0, 80), known)
    const hint = near === undefined ? '' : `; did you mean '${near}'?`
    throw new BlockError('INVALID_ARGUMENT', `--var: no scenario has a variable '${printable(name)}'${hint}`)
  }
}

/** Those of `given` that the scenario has. */
export const givenTo = ({ variables }: ScenarioHead, given: Variables): Variables =>
  Object.fromEntries(Object.entries(given).filter(([name]) => variables.some((one) => one.name === name)))
