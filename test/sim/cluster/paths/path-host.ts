/**
 * A host that uses the volume over iSCSI, through the production initiator and targets, and is the only one to write its
 * blocks: it knows what they must hold, whichever server answers.
 */
import { isBlockError } from '../../../../src/base/errors.ts'
import { BLOCK_BYTES } from '../../../../src/base/units.ts'
import { BlockClient } from '../../../../src/iscsi/initiator/block-client.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import { fail } from '../../../cluster/checker.ts'
import { fillSectors, identifyAll, patternOf } from '../../content.ts'
import type { SeededRandom } from '../../random.ts'
import type { RegisterBlocks } from './register.ts'
import type { Way } from './way.ts'

const BLOCK_SECTORS = 8
const SESSION_PAUSE_MS = 300
const WEIGHTS = { write: 30, read: 25, flush: 6, unmap: 4, writeSame: 4 } as const
type Step = keyof typeof WEIGHTS

export interface PathHostOptions {
  readonly name: string
  readonly way: Way
  readonly random: SeededRandom
  readonly registers: RegisterBlocks
  /** Blocks of 4 KiB that it alone writes. */
  readonly blocks: { readonly first: number; readonly count: number }
  readonly logicalBlockBytes: 512 | 4096
  readonly lanes: number
  readonly thinkMs: readonly number[]
  /** What no write has written yet. */
  readonly nextValue: () => number
  readonly sleep: (forMs: number) => Promise<void>
  readonly count: (what: string) => void
  readonly ended: (isOk: boolean) => void
}

export class PathHost {
  readonly #o: PathHostOptions
  #isStopped = false

  constructor(options: PathHostOptions) {
    this.#o = options
  }

  /** Resolves after `stop`, when what was under way has ended. */
  async run(): Promise<void> {
    const { lanes, way } = this.#o
    await Promise.all(Array.from({ length: lanes }, (_, lane) => this.#work(lane)))
    way.close()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Each lane has blocks of its own, so that a block has one command at a time. */
  async #work(lane: number): Promise<void> {
    const { random, way, thinkMs, sleep, blocks, lanes, count, ended } = this.#o
    while (!this.#isStopped) {
      const session = await way.session()
      if (session === undefined) {
        await sleep(SESSION_PAUSE_MS + random.integer(500))
        continue
      }
      const own = Math.floor(blocks.count / lanes)
      const block = blocks.first + lane * own + random.integer(own)
      const step = random.weighted(WEIGHTS)
      const code = await this.#perform(new BlockClient(session), step, block)
      count(`${step} ${code}`)
      ended(code === 'ok')
      if (code !== 'ok') this.#failed(session, code)
      await sleep(random.pick(thinkMs) * random.fraction())
    }
  }

  #failed(session: InitiatorSession, code: string): void {
    this.#o.way.failed(session, code)
  }

  async #perform(client: BlockClient, step: Step, block: number): Promise<string> {
    const { registers, nextValue, random, logicalBlockBytes } = this.#o
    const blocks = BLOCK_BYTES / logicalBlockBytes
    const lba = block * blocks
    const firstSector = block * BLOCK_SECTORS
    switch (step) {
      case 'read': {
        const data = new Uint8Array(BLOCK_BYTES)
        const code = await codeOf(client.read(lba, blocks, data))
        if (code === 'ok')
          registers.read(block, wholeOf(identifyAll(data, firstSector, logicalBlockBytes), block))
        return code
      }
      case 'flush':
        return codeOf(client.flush())
      case 'write': {
        const value = nextValue()
        const data = fillSectors(new Uint8Array(BLOCK_BYTES), firstSector, value)
        return this.#change(block, value, () => client.write(lba, blocks, data, { fua: random.chance(0.1) }))
      }
      case 'writeSame': {
        const value = nextValue()
        return this.#change(block, value, () =>
          client.writeSame(lba, blocks, patternOf(logicalBlockBytes, value)),
        )
      }
      case 'unmap':
        return this.#change(block, 0, () => client.unmap([{ lba, blocks }]))
    }
  }

  async #change(block: number, value: number, run: () => Promise<void>): Promise<string> {
    const end = this.#o.registers.write(block, value)
    const code = await codeOf(run())
    // an answer other than success may have come after the entry: BUSY is said when the wait for a commit was over
    end(code === 'ok' ? 'acknowledged' : code === 'RESERVATION_CONFLICT' ? 'refused' : 'unknown')
    return code
  }
}

/** The one operation that a block is of. */
function wholeOf(values: Uint32Array, block: number): number {
  const first = values[0]!
  if (values.some((value) => value !== first))
    fail(`block ${block} is of several writes: ${[...values].join(' ')}`)
  return first
}

async function codeOf(command: Promise<unknown>): Promise<string> {
  try {
    await command
    return 'ok'
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}
