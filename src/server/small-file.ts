/** Small text files that a server keeps for itself. One is replaced as a whole: a crash leaves the old or the new one. */
import type { Disk } from '../base/ports/disk.ts'

/** The first `bytesMax` bytes of the file as text; undefined when it is not there. */
export async function readSmallFile(disk: Disk, path: string, bytesMax: number): Promise<string | undefined> {
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path, { create: 'never' })
  try {
    const bytes = new Uint8Array(bytesMax)
    const length = await file.read(bytes, 0)
    return Buffer.from(bytes.buffer, 0, length).toString('utf8')
  } finally {
    await file.close()
  }
}

/** Puts `text` in the place of what `directory/name` holds; durable when the promise resolves. */
export async function replaceSmallFile(
  disk: Disk,
  directory: string,
  name: string,
  text: string,
): Promise<void> {
  const path = `${directory}/${name}`
  const file = await disk.open(`${path}.new`, { create: 'missing' })
  try {
    await file.truncate(0)
    await file.write([Buffer.from(text)], 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  await disk.rename(`${path}.new`, path)
  await disk.syncDirectory(directory)
}
