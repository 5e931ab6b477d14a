/** `--var name=value`, as the command line gives all of them together. */
import { BlockError } from '../../src/base/errors.ts'
import type { Variables } from '../model/scenario.ts'

const NAME = '[A-Za-z_][\\w-]*'

/** Values may have commas, except before what looks like the next `name=`. INVALID_ARGUMENT for what is none. */
export function parseVariables(text: string | undefined): Variables {
  if (text === undefined) return {}
  const pairs = text.split(new RegExp(`,(?=${NAME}=)`, 'u')).map((pair): [string, string] => {
    const [, name, value] = new RegExp(`^(${NAME})=([^]*)$`, 'u').exec(pair) ?? []
    if (name !== undefined && value !== undefined) return [name, value]
    throw new BlockError('INVALID_ARGUMENT', `--var: '${pair.slice(0, 80)}' is not NAME=VALUE`)
  })
  const twice = pairs.find(([name], at) => pairs.findIndex(([other]) => other === name) !== at)
  if (twice !== undefined) throw new BlockError('INVALID_ARGUMENT', `--var: ${twice[0]} is given twice`)
  return Object.fromEntries(pairs)
}
