/** Which files are scenarios, and what they are called. */
import { posix } from 'node:path'
import { BlockError } from '../../src/base/errors.ts'
import type { FileSource, FolderEntry } from './source-files.ts'

const FILE = /\.ya?ml$/
const DEPTH_MAX = 8
const FILES_MAX = 1_000
const FOLDER = 'scenarios'
/** A folder with both is that of a run, which has copies of its scenarios. */
const BUNDLE_FILES = ['manifest.json', 'events.jsonl'] as const

/**
 * The path of a file without its ending, below the nearest folder called `scenarios` that it is in, however the file was
 * given: `ha/failover`. Without such a folder, below `folder`.
 */
export function scenarioName(path: string, folder: string): string {
  const file = posix.resolve(path).replace(FILE, '')
  const parts = file.split('/')
  const last = parts.lastIndexOf(FOLDER, -2)
  return last === -1 ? posix.relative(posix.resolve(folder), file) : parts.slice(last + 1).join('/')
}

/**
 * `path`, when it is a file; else all scenarios below it, in the order of names. Files and folders whose names begin with `_`
 * are parts, and folders of runs below `path` are left out. Rejects with BlockError when `path` is not there or has too many files.
 */
export async function scenarioPaths(path: string, files: FileSource): Promise<readonly string[]> {
  if (!(await files.isDirectory(path))) return [posix.normalize(path)]
  const found: string[] = []
  const walk = async (folder: string, depth: number): Promise<void> => {
    const entries = await files.list(folder)
    if (depth > 1 && isBundle(entries)) return
    for (const { name, isDirectory } of entries) {
      if (name.startsWith('_') || name.startsWith('.')) continue
      const below = posix.join(folder, name)
      if (isDirectory && depth < DEPTH_MAX) await walk(below, depth + 1)
      else if (!isDirectory && FILE.test(name)) found.push(below)
      if (found.length > FILES_MAX) {
        throw new BlockError('INVALID_ARGUMENT', `${path}: more than ${FILES_MAX} scenarios`)
      }
    }
  }
  await walk(posix.normalize(path), 1)
  return found
}

const isBundle = (entries: readonly FolderEntry[]): boolean =>
  BUNDLE_FILES.every((wanted) => entries.some(({ name, isDirectory }) => name === wanted && !isDirectory))
