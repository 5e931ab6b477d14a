/** `basalt scenario report`: what a run that is over came to. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError } from '../../src/base/errors.ts'
import type { Output } from './options.ts'
import { EXIT_OK } from './ports.ts'

export interface ReportOptions {
  readonly bundle: string
  readonly isJson: boolean
}

export async function reportCommand(
  { bundle }: ReportOptions,
  { stdout }: { readonly stdout: Output },
): Promise<number> {
  try {
    stdout.write(await readFile(join(bundle, 'events.jsonl'), 'utf8'))
  } catch (cause) {
    throw new BlockError('NOT_FOUND', `${bundle} is not the folder of a run`, { cause })
  }
  return EXIT_OK
}
