/** Threads that hash, compress and encrypt, so that the loop that serves hosts does not. Started with the first work, ended when idle. */
import { availableParallelism } from 'node:os'
import type { Piscina } from 'piscina'
import type { DecodedBlocks, EncodedBlocks, FrameCodec, StoredFrame } from '../ports.ts'

/** Its declaration knows another kind of port. */
type TransferList = NonNullable<NonNullable<Parameters<Piscina['run']>[1]>['transferList']>

const IDLE_MS = 10_000
const THREADS_MAX = 4

/** `threads`: as many as there are processors less one, between 1 and 4, when not given. */
export function codecPool(
  threads = Math.min(Math.max(availableParallelism() - 1, 1), THREADS_MAX),
): FrameCodec {
  let starting: Promise<Piscina> | undefined
  const start = async (): Promise<Piscina> =>
    new (await import('piscina')).Piscina({
      filename: new URL('./codec-worker.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
    })
  const run = async (name: string, task: unknown, given: readonly ArrayBufferLike[]): Promise<unknown> => {
    starting ??= start()
    const pool = await starting
    return pool.run(task, { name, transferList: given as unknown as TransferList })
  }
  return {
    async encode(job) {
      return (await run('encode', job, [job.data.buffer])) as EncodedBlocks
    },
    async decode(job) {
      // each is a piece of a larger answer, all of which would go over
      const frames = job.frames.map((frame) => ({ ...frame, stored: frame.stored.slice() }))
      const given = frames.map(({ stored }) => stored.buffer)
      return (await run('decode', { ...job, frames }, given)) as DecodedBlocks
    },
    async hash(data) {
      return (await run('hash', data, [data.buffer])) as Uint8Array
    },
    async seal(job) {
      const raw = job.raw.slice()
      return (await run('seal', { ...job, raw }, [raw.buffer])) as StoredFrame
    },
    async open(job) {
      const stored = job.stored.stored.slice()
      const task = { ...job, stored: { ...job.stored, stored } }
      return (await run('open', task, [stored.buffer])) as Uint8Array | undefined
    },
    close: async () => (await starting)?.destroy(),
  }
}
