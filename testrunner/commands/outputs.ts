/** Where a run is to write: looked at, and made, before anything of it starts. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { BlockError } from '../../src/base/errors.ts'

/**
 * Makes `path` and the folders above it. Rejects with INVALID_ARGUMENT when one cannot be made. They are made one by one:
 * the recursive mkdir of Node tries for ever in a file system that has no room for new folders, as /proc.
 */
export async function makeOutput(path: string): Promise<void> {
  const missing: string[] = []
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const kind = await kindOf(folder)
    if (kind === 'folder') break
    if (kind === 'file') throw refused('output', path, `${folder} is not a folder`)
    missing.unshift(folder)
  }
  for (const folder of missing) {
    await mkdir(folder).catch((cause: NodeJS.ErrnoException) => {
      // another run may have made it in between
      if (cause.code === 'EEXIST') return
      throw refused('output', path, `no folder can be made in ${dirname(folder)} (${cause.code})`)
    })
  }
}

/** What the file system said when the folder of a run could not be made in that of `--output`. */
export const noBundle = (path: string, { code }: NodeJS.ErrnoException): BlockError =>
  refused('output', path, `no folder can be made in it (${code})`)

interface ReportFiles {
  readonly junit?: string | undefined
  readonly html?: string | undefined
}

/** Rejects with INVALID_ARGUMENT when one of the files could not be written at the end. Their folders are not made. */
export async function checkReportFiles({ junit, html }: ReportFiles): Promise<void> {
  if (junit !== undefined) await checkFile('junit', junit)
  if (html !== undefined) await checkFile('html', html)
}

async function checkFile(option: string, path: string): Promise<void> {
  const kind = await kindOf(resolve(path))
  if (kind === 'folder') throw refused(option, path, 'it is a folder')
  const folder = dirname(path)
  if ((await kindOf(resolve(folder))) !== 'folder')
    throw refused(option, path, `there is no folder ${folder}`)
  // as the report is written: under another name first
  const draft = `${path}.new`
  await writeFile(draft, '').catch(({ code }: NodeJS.ErrnoException) => {
    throw refused(option, path, `no file can be made in ${folder} (${code})`)
  })
  await rm(draft)
}

/** Null when nothing is there, or when something above it is a file. */
const kindOf = (path: string): Promise<'folder' | 'file' | null> =>
  stat(path).then(
    (found) => (found.isDirectory() ? 'folder' : 'file'),
    () => null,
  )

const refused = (option: string, path: string, why: string): BlockError =>
  new BlockError('INVALID_ARGUMENT', `--${option}: ${path} cannot be used: ${why}`)
