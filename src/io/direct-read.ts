/**
 * Reads that do not believe the page cache: O_DIRECT through a page-aligned bounce buffer. The kernel first
 * writes back dirty pages of the range, so that what was written is seen if, and only if, the medium took it.
 */
import fs from 'node:fs'
import { alignDown, alignUp, BLOCK_BYTES, MIB } from '../base/units.ts'

/** Memory of WebAssembly is the one that a program can have page-aligned without knowing addresses. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}
const WASM_PAGE_BYTES = 65_536
const BOUNCE_BYTES = MIB

/** A page-aligned buffer for `readDirect`. */
export function makeBounceBuffer(): Uint8Array {
  const pages = BOUNCE_BYTES / WASM_PAGE_BYTES
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
}

/**
 * Reads into `target` (any alignment) through `fd`, which was opened with O_DIRECT. Returns the bytes read, fewer
 * only at the end of the file. EINVAL where the file system does not do this after all.
 */
export async function readDirect(
  fd: number,
  bounce: Uint8Array,
  target: Uint8Array,
  offsetBytes: number,
): Promise<number> {
  let done = 0
  while (done < target.byteLength) {
    const position = offsetBytes + done
    const start = alignDown(position, BLOCK_BYTES)
    const skip = position - start
    const wanted = Math.min(bounce.byteLength, alignUp(skip + target.byteLength - done, BLOCK_BYTES))
    const got = await readOnce(fd, bounce, wanted, start)
    const usable = Math.min(got - skip, target.byteLength - done)
    if (usable <= 0) break
    target.set(bounce.subarray(skip, skip + usable), done)
    done += usable
    // Only the file's end stops a direct read inside a block.
    if (got % BLOCK_BYTES !== 0) break
  }
  return done
}

function readOnce(fd: number, bounce: Uint8Array, lengthBytes: number, offsetBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, bounce, 0, lengthBytes, offsetBytes, (error, got) => {
      if (error === null) resolve(got)
      else reject(error)
    })
  })
}
