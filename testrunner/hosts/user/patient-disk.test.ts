import { beforeEach, describe, expect, it } from 'vitest'
import { BlockError, type BlockErrorCode } from '../../../src/base/errors.ts'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { portsOf } from './iscsi-groups.ts'
import type { PathFinder } from './paths.ts'
import { type PathCommands, PatientDisk } from './patient-disk.ts'

const { signal } = new AbortController()
const clock = new ManualClock()
const error = (code: BlockErrorCode): BlockError => new BlockError(code, `it is ${code}`)
/** Time goes on whenever something waits for it. */
const passing = setInterval(() => clock.advance(20), 1)
passing.unref()

/** A path is a number; what the next attempts end with is scripted. */
class Scripted implements PathFinder<number> {
  readonly finds: (BlockErrorCode | 'found')[] = []
  readonly ends: (BlockErrorCode | 'hangs')[] = []
  readonly log: string[] = []
  #path = 0
  #hanging: ((error: BlockError) => void) | undefined

  find(): Promise<number> {
    const end = this.finds.shift() ?? 'found'
    return end === 'found' ? Promise.resolve(++this.#path) : Promise.reject(error(end))
  }

  lost(path: number, { code }: BlockError): boolean {
    this.log.push(`lost ${path} ${code}`)
    return code !== 'BUSY'
  }

  drop(path: number): void {
    this.log.push(`dropped ${path}`)
    this.#hanging?.(error('DISCONNECTED'))
  }

  close(): Promise<void> {
    this.log.push('closed')
    this.#hanging?.(error('DISCONNECTED'))
    return Promise.resolve()
  }

  async command(path: number, what: string): Promise<void> {
    const end = this.ends.shift()
    if (end === 'hangs') {
      return await new Promise((_resolve, reject) => {
        this.#hanging = reject
      })
    }
    if (end !== undefined) throw error(end)
    this.log.push(`${what} ${path}`)
  }
}

let finder: Scripted
let commands: PathCommands<number>
const open = (isReadOnly = false, given = signal): Promise<PatientDisk<number>> => {
  const facts = { volume: 'v1', host: 'h1', transport: 'iscsi', isReadOnly } as const
  return PatientDisk.open(facts, { clock, finder, commands, onDetach: () => finder.log.push('gone') }, given)
}
beforeEach(() => {
  finder = new Scripted()
  commands = {
    capacity: () => Promise.resolve({ blocks: 8, logicalBlockBytes: 512 }),
    read: (path) => finder.command(path, 'read'),
    write: (path) => finder.command(path, 'write'),
    flush: (path) => finder.command(path, 'flush'),
    trim: (path) => finder.command(path, 'trim'),
  }
})

describe('a patient disk', () => {
  it('gives a command again until it is answered, over another path when one is lost', async () => {
    const disk = await open()
    expect(disk).toMatchObject({ sizeBytes: 4096, logicalBlockBytes: 512 })
    finder.ends.push('BUSY', 'DISCONNECTED')
    finder.finds.push('BUSY', 'NOT_FOUND', 'PROTOCOL', 'found')
    await disk.write(0, new Uint8Array(512), signal)
    expect(finder.log).toEqual(['lost 1 BUSY', 'lost 1 DISCONNECTED', 'write 2'])
  })

  it('tells what a file system would see', async () => {
    const disk = await open()
    for (const code of ['NO_SPACE', 'MEDIUM', 'RESERVATION_CONFLICT', 'PROTOCOL'] as const) {
      finder.ends.push(code)
      await expect(disk.read(0, 512, signal)).rejects.toMatchObject({ code })
    }
    finder.ends.push('DISCONNECTED')
    finder.finds.push('ACCESS_DENIED')
    await expect(disk.flush(signal)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await disk.flush(signal)
  })

  it('drops the path when a command is given up, and says what the last answer was', async () => {
    const disk = await open()
    finder.ends.push('BUSY', 'hangs')
    const aborted = new AbortController()
    const writing = disk.write(0, new Uint8Array(512), aborted.signal)
    while (finder.ends.length > 0) await new Promise((resolve) => setImmediate(resolve))
    aborted.abort()
    await expect(writing).rejects.toMatchObject({
      code: 'ABORTED',
      message: expect.stringContaining('it is DISCONNECTED'),
    })
    expect(finder.log).toEqual(['lost 1 BUSY', 'dropped 1'])
    await expect(disk.read(0, 512, aborted.signal)).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('is closed to commands when it is detached, also to those under way', async () => {
    const disk = await open()
    finder.ends.push('hangs')
    const reading = disk.read(0, 512, signal)
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([disk.detach(), disk.detach()])
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' })
    expect(finder.log).toEqual(['closed', 'gone'])
  })

  it('an attachment that never comes is given up with the reason, and closed', async () => {
    const aborted = new AbortController()
    finder.finds.push(...Array.from({ length: 1000 }, () => 'BUSY' as const))
    const opening = open(false, aborted.signal)
    await new Promise((resolve) => setTimeout(resolve, 20))
    aborted.abort()
    await expect(opening).rejects.toMatchObject({
      code: 'ABORTED',
      message: expect.stringContaining('it is BUSY'),
    })
    expect(finder.log).toEqual(['closed', 'gone'])
  })

  it('refuses writes when it is attached read-only', async () => {
    const disk = await open(true)
    await expect(disk.write(0, new Uint8Array(512), signal)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(disk.trim(0, 512, signal)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await disk.read(0, 512, signal)
  })
})

it('reads the ports of active groups, and nothing of what is cut short', () => {
  const group = (state: number, id: number, ports: readonly number[]): number[] => [
    ...[state, 0, 0, id, 0, 0, 0, ports.length],
    ...ports.flatMap((port) => [0, 0, port >> 8, port & 255]),
  ]
  const body = [...group(0, 1, [1, 2]), ...group(2, 2, [17]), ...group(0x80, 3, [0x121])]
  const data = Uint8Array.from([0, 0, 0, body.length, ...body])
  expect(portsOf(data)).toEqual([1, 2, 0x121])
  for (let length = 0; length < data.byteLength; length++)
    expect(portsOf(data.subarray(0, length))).toBeDefined()
})
