/**
 * Secrets come from files or from the environment: what stands on a command line is seen by every user of the machine. They
 * are never printed.
 */
import { readFile } from 'node:fs/promises'
import { BlockError } from '../../base/errors.ts'
import type { Call } from '../command.ts'

/** Above what any secret takes: a wrong path is not read whole. */
const SECRET_CHARACTERS_MAX = 64 * 1024

/** The text of `path`, without blanks at its ends. NOT_FOUND when it cannot be read, INVALID_ARGUMENT when it is empty or huge. */
export async function readSecret(path: string, flag: string): Promise<string> {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new BlockError('NOT_FOUND', `${flag}: cannot read ${path}`, { cause })
  }
  if (text === '') throw new BlockError('INVALID_ARGUMENT', `${flag}: ${path} is empty`)
  if (text.length > SECRET_CHARACTERS_MAX) {
    throw new BlockError('INVALID_ARGUMENT', `${flag}: ${path} holds more than a secret`)
  }
  return text
}

/** By the file that the flag `name` names, else by `variable`; undefined without either. Errors as `readSecret`. */
export async function secretOf(call: Call, name: string, variable: string): Promise<string | undefined> {
  const path = call.text(name)
  return path === undefined ? call.variable(variable) : readSecret(path, `--${name}`)
}
