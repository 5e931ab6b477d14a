/** The key that seals secrets, from the file that was named, or from one beside the registry that is made with it. */
import fs from 'node:fs/promises'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'
import { readTextFile } from '../../config/text-file.ts'
import { newSecretsKeyLine, Sealer } from './sealer.ts'

const FILE_BYTES_MAX = 16 * 1024

/**
 * `named`: what --secrets-key says; else `DIRECTORY/secrets.key`, made when it is missing. NOT_FOUND for a named file that is
 * missing, INVALID_ARGUMENT for one that holds no keys. Adds to `warnings` when others may read it.
 */
export async function openSealer(
  random: Random,
  options: { readonly named: string | undefined; readonly directory: string; readonly warnings: string[] },
): Promise<Sealer> {
  const { named, directory, warnings } = options
  const path = named ?? `${directory}/secrets.key`
  const what = named === undefined ? 'the secrets key' : '--secrets-key'
  const file = await readTextFile(path, what, FILE_BYTES_MAX).catch(async (error: unknown) => {
    if (named !== undefined || !isBlockError(error, 'NOT_FOUND')) throw error
    await make(random, path)
    return readTextFile(path, what, FILE_BYTES_MAX)
  })
  if (file.readableByOthers) warnings.push(`${path} holds a key and others may read it; chmod 600 it`)
  return new Sealer(random, file.text, `${what}: ${path}`)
}

async function make(random: Random, path: string): Promise<void> {
  try {
    await fs.writeFile(`${path}.new`, newSecretsKeyLine(random), { mode: 0o600, flush: true })
    await fs.rename(`${path}.new`, path)
  } catch (cause) {
    throw new BlockError('DISK', `${path}: cannot write it`, { cause })
  }
}
