/**
 * Objects in a bucket of Amazon S3 or of what speaks like it. Requests are repeated by the caller, who knows what is worth it;
 * bodies are sent with a CRC-32C that the store checks, rather than with a hash in the signature, which would cost the event
 * loop milliseconds for each.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { crc32c } from '../../base/crc32c.ts'
import { BlockError } from '../../base/errors.ts'
import type { ObjectInfo, ObjectPage, ObjectStore } from '../ports.ts'
import type { RepositoryPlace } from '../spec.ts'
import { s3Error, statusOf } from './s3-errors.ts'

type S3Place = Extract<RepositoryPlace, { kind: 's3' }>

/** An upload of parts has at most 10,000, and each but the last at least 5 MiB. */
const PART_BYTES = 16 * 1024 * 1024
const PARTS = 9000
const OBJECT_BYTES_MAX = 5 * 1024 ** 4
const PART_ATTEMPTS = 6

export class S3Store implements ObjectStore {
  readonly #client: S3Client
  /** Repeats by itself: parts of a stream cannot be had again from the caller. */
  readonly #patient: S3Client
  readonly #bucket: string
  readonly #prefix: string

  constructor(place: S3Place) {
    this.#client = clientOf(place, 1)
    this.#patient = clientOf(place, PART_ATTEMPTS)
    this.#bucket = place.bucket
    this.#prefix = place.prefix
  }

  async put(name: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#at(name),
      Body: body,
      ContentLength: body.byteLength,
      ChecksumCRC32C: checksumOf(body),
    })
    await this.#called('write', name, () => this.#client.send(command, { abortSignal: signal }))
  }

  async putStream(
    name: string,
    sizeBytes: number,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    if (sizeBytes > OBJECT_BYTES_MAX) {
      throw new BlockError(
        'OUT_OF_RANGE',
        `object ${name} of ${sizeBytes} bytes is larger than an object can be`,
        {
          facts: { object: name },
        },
      )
    }
    const partBytes = Math.max(PART_BYTES, Math.ceil(sizeBytes / PARTS / PART_BYTES) * PART_BYTES)
    const begun = await this.#called('begin', name, () =>
      this.#patient.send(new CreateMultipartUploadCommand(this.#at(name)), { abortSignal: signal }),
    )
    const upload = { ...this.#at(name), UploadId: begun.UploadId }
    try {
      const parts: { ETag: string | undefined; PartNumber: number }[] = []
      for await (const part of inParts(body, partBytes)) {
        const PartNumber = parts.length + 1
        const command = new UploadPartCommand({
          ...upload,
          PartNumber,
          Body: part,
          ContentLength: part.byteLength,
        })
        const { ETag } = await this.#called('write', name, () =>
          this.#patient.send(command, { abortSignal: signal }),
        )
        parts.push({ ETag, PartNumber })
      }
      const command = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } })
      await this.#called('finish', name, () => this.#patient.send(command, { abortSignal: signal }))
    } catch (error) {
      // what is left is for the bucket's own rules; the first error is the one to tell
      await this.#patient.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined)
      throw error
    }
  }

  async get(
    name: string,
    { offsetBytes, lengthBytes }: { offsetBytes: number; lengthBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const command = new GetObjectCommand({
      ...this.#at(name),
      Range: `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`,
    })
    try {
      const answer = await this.#client.send(command, { abortSignal: signal })
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0)
      const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? Number.NaN)
      const expected = Number.isNaN(total) ? answer.ContentLength : Math.min(lengthBytes, total - offsetBytes)
      if (expected !== undefined && bytes.byteLength !== expected) {
        throw new BlockError(
          'DISCONNECTED',
          `cannot read ${name}: the answer has ${bytes.byteLength} bytes of ${expected}`,
          { facts: { object: name } },
        )
      }
      return bytes
    } catch (error) {
      // nothing is there behind the end
      if (statusOf(error) === 416) return new Uint8Array(0)
      throw s3Error(error, 'read', name)
    }
  }

  async head(name: string, signal: AbortSignal): Promise<ObjectInfo> {
    const answer = await this.#called('look at', name, () =>
      this.#client.send(new HeadObjectCommand(this.#at(name)), { abortSignal: signal }),
    )
    return {
      name,
      sizeBytes: answer.ContentLength ?? 0,
      modifiedMs: answer.LastModified?.getTime() ?? 0,
    }
  }

  async list(prefix: string, after: string, signal: AbortSignal): Promise<ObjectPage> {
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: this.#prefix + prefix,
      ...(after === '' ? {} : { StartAfter: this.#prefix + after }),
    })
    const answer = await this.#called('list', prefix, () =>
      this.#client.send(command, { abortSignal: signal }),
    )
    const objects = (answer.Contents ?? []).map(
      ({ Key, Size, LastModified }): ObjectInfo => ({
        name: (Key ?? '').slice(this.#prefix.length),
        sizeBytes: Size ?? 0,
        modifiedMs: LastModified?.getTime() ?? 0,
      }),
    )
    return { objects, isLast: answer.IsTruncated !== true }
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    await this.#called('delete', name, () =>
      this.#client.send(new DeleteObjectCommand(this.#at(name)), { abortSignal: signal }),
    )
  }

  async close(): Promise<void> {
    this.#client.destroy()
    this.#patient.destroy()
  }

  #at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + name }
  }

  async #called<T>(what: string, name: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw s3Error(error, what, name)
    }
  }
}

function clientOf(place: S3Place, attempts: number): S3Client {
  const client = new S3Client({
    region: place.region,
    ...(place.endpoint === null ? {} : { endpoint: place.endpoint }),
    forcePathStyle: place.forcePathStyle,
    credentials: {
      accessKeyId: place.accessKeyId,
      secretAccessKey: place.secretAccessKey,
      ...(place.sessionToken === null ? {} : { sessionToken: place.sessionToken }),
    },
    maxAttempts: attempts,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args
      if (typeof request === 'object' && request !== null && 'headers' in request) {
        const headers = request.headers as Record<string, string>
        headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
      }
      return next(args)
    },
    { step: 'build', name: 'unsignedPayload' },
  )
  return client
}

function checksumOf(body: Uint8Array): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32c(body))
  return bytes.toString('base64')
}

/** The stream in parts of `partBytes`, the last of which may be shorter; one empty part of an empty stream. */
async function* inParts(body: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array> {
  let part = new Uint8Array(partBytes)
  let filled = 0
  let parts = 0
  for await (const piece of body) {
    for (let at = 0; at < piece.byteLength; ) {
      const taken = Math.min(piece.byteLength - at, partBytes - filled)
      part.set(piece.subarray(at, at + taken), filled)
      at += taken
      filled += taken
      if (filled < partBytes) continue
      yield part
      parts++
      part = new Uint8Array(partBytes)
      filled = 0
    }
  }
  if (filled > 0 || parts === 0) yield part.subarray(0, filled)
}
