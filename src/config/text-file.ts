/** Small text files of the operator: configuration, secrets, tokens. Bounded, UTF-8, read in one go. */
import { open } from 'node:fs/promises'
import { BlockError } from '../base/errors.ts'
import { isReadableByOthers } from '../base/file-modes.ts'

export interface TextFile {
  readonly text: string
  /** Somebody else than its owner may read it: a warning is due when it holds a secret. */
  readonly readableByOthers: boolean
}

/** Reads `path`. `what` names the flag or key that named it. NOT_FOUND, DISK, or INVALID_ARGUMENT when it is too large or not text. */
export async function readTextFile(path: string, what: string, bytesMax: number): Promise<TextFile> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new BlockError('NOT_FOUND', `${what}: ${path} does not exist`, { cause })
    throw new BlockError('DISK', `${what}: cannot open ${path} (${code})`, { cause })
  })
  try {
    const stat = await handle.stat()
    if (stat.isDirectory()) throw new BlockError('INVALID_ARGUMENT', `${what}: ${path} is a directory`)
    const buffer = new Uint8Array(bytesMax + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.byteLength - length)
      length += bytesRead
      if (length > bytesMax) {
        throw new BlockError('INVALID_ARGUMENT', `${what}: ${path} is larger than ${bytesMax} bytes`)
      }
      if (bytesRead === 0) break
    }
    return {
      text: decode(buffer.subarray(0, length), path, what),
      readableByOthers: isReadableByOthers(stat, process.getuid?.() ?? 0),
    }
  } finally {
    await handle.close()
  }
}

function decode(bytes: Uint8Array, path: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new BlockError('INVALID_ARGUMENT', `${what}: ${path} is not UTF-8 text`, { cause })
  }
}
