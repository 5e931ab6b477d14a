/**
 * Whole reads and writes on a raw file descriptor, on Node's thread pool. The callback interface of `fs` on raw
 * descriptors costs half of what a `FileHandle` does. Short transfers are continued where they stopped.
 */
import fs from 'node:fs'
import { constants } from 'node:os'
import { systemError } from './system-error.ts'

/** The kernel takes no more buffers in one call (IOV_MAX). */
const VECTORS_MAX = 1024

/** Reads until `target` is full or the file ends; returns the bytes read. */
export function readFully(fd: number, target: Uint8Array, offsetBytes: number): Promise<number> {
  const lengthBytes = target.byteLength
  if (lengthBytes === 0) return Promise.resolve(0)
  return new Promise((resolve, reject) => {
    let done = 0
    const next = (error: Error | null, got: number): void => {
      if (error !== null) {
        reject(error)
        return
      }
      done += got
      if (got === 0 || done === lengthBytes) resolve(done)
      else fs.read(fd, target, done, lengthBytes - done, offsetBytes + done, next)
    }
    fs.read(fd, target, 0, lengthBytes, offsetBytes, next)
  })
}

/** Writes all of `buffers`, one after the other, from `offsetBytes` on. */
export function writeFully(fd: number, buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
  const [first] = buffers
  if (first === undefined) return Promise.resolve()
  return buffers.length === 1 ? writeOne(fd, first, offsetBytes) : writeVectors(fd, buffers, offsetBytes)
}

function writeOne(fd: number, data: Uint8Array, offsetBytes: number): Promise<void> {
  const lengthBytes = data.byteLength
  if (lengthBytes === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    let done = 0
    const next = (error: Error | null, wrote: number): void => {
      if (error !== null || wrote === 0) {
        reject(error ?? systemError(constants.errno.EIO, 'write'))
        return
      }
      done += wrote
      if (done === lengthBytes) resolve()
      else fs.write(fd, data, done, lengthBytes - done, offsetBytes + done, next)
    }
    fs.write(fd, data, 0, lengthBytes, offsetBytes, next)
  })
}

function writeVectors(fd: number, buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
  let lengthBytes = 0
  for (const buffer of buffers) lengthBytes += buffer.byteLength
  if (lengthBytes === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    let left = buffers[0]?.byteLength === 0 ? withoutFirst(buffers, 0) : buffers
    let done = 0
    const writeSome = (): void => {
      fs.writev(fd, left.length <= VECTORS_MAX ? left : left.slice(0, VECTORS_MAX), offsetBytes + done, next)
    }
    const next = (error: Error | null, wrote: number): void => {
      if (error !== null || wrote === 0) {
        reject(error ?? systemError(constants.errno.EIO, 'writev'))
        return
      }
      done += wrote
      if (done === lengthBytes) {
        resolve()
        return
      }
      left = withoutFirst(left, wrote)
      writeSome()
    }
    writeSome()
  })
}

/** What remains of `buffers` after their first `lengthBytes` bytes, without empty buffers in front. */
function withoutFirst(buffers: readonly Uint8Array[], lengthBytes: number): Uint8Array[] {
  let index = 0
  let skip = lengthBytes
  while (index < buffers.length && skip >= buffers[index]!.byteLength) skip -= buffers[index++]!.byteLength
  const left = buffers.slice(index)
  if (skip > 0) left[0] = left[0]!.subarray(skip)
  return left
}
