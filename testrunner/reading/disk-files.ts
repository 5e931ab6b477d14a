/** Scenarios in folders of this computer. */
import { readdir, stat } from 'node:fs/promises'
import { BlockError } from '../../src/base/errors.ts'
import { readTextFile } from '../../src/config/text-file.ts'
import { YAML_BYTES_MAX } from '../../src/config/yaml-document.ts'
import type { FileSource } from './source-files.ts'

export const diskFiles: FileSource = {
  async read(path) {
    const found = await stat(path).catch((cause: unknown) => {
      throw fileError(path, cause)
    })
    // a pipe or a device may never end
    if (!found.isFile()) throw new BlockError('INVALID_ARGUMENT', `${path} is not a file`)
    return (await readTextFile(path, 'scenario', YAML_BYTES_MAX)).text
  },

  async list(path) {
    const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
      throw fileError(path, cause)
    })
    return entries
      .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  },

  async isDirectory(path) {
    return await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
  },
}

function fileError(path: string, cause: unknown): BlockError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new BlockError('NOT_FOUND', `${path} does not exist`, { cause })
  return new BlockError('DISK', `${path} cannot be read (${code})`, { cause })
}
