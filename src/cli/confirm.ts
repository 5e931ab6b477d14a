/** What destroys is asked for twice: by `--yes`, or by typing the name of what goes on a terminal. */
import { BlockError } from '../base/errors.ts'
import type { Call } from './command.ts'

/**
 * Resolves when `call` may go on. Without `--yes` and without a terminal it is refused as unsafe; another answer than
 * `name` is ABORTED, and nothing was done.
 */
export async function confirm(
  call: Call,
  options: { readonly consequence: string; readonly name: string },
): Promise<void> {
  if (call.isSet('yes')) return
  const { consequence, name } = options
  const answer = await call.terminal.ask(`${consequence}\nType ${name} to go on: `)
  if (answer === undefined) {
    throw new BlockError('CONFLICT', `${consequence} Give --yes if that is meant`, {
      facts: { unsafe: true },
    })
  }
  if (answer.trim() !== name) throw new BlockError('ABORTED', `that is not '${name}'; nothing was done`)
}
