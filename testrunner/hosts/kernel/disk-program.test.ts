import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RealClock } from '../../../src/io/clock.ts'
import { loadSyscalls } from '../../../src/io/syscalls.ts'
import {
  answerReader,
  DISK_COMMANDS,
  type DiskAnswer,
  type DiskRequest,
  encodeAnswer,
  encodeRequest,
  requestReader,
} from './disk-program.ts'
import { InstalledDiskProgram } from './installed-disk-program.ts'
import { KernelDisk } from './kernel-disk.ts'
import { testMachine } from './test-machine.ts'

/** The bytes in chunks that end at these places. */
function split(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const cuts = fc.array(fc.nat(100_000), { maxLength: 20 })
const data = fc.uint8Array({ maxLength: 300 })

describe('frames', () => {
  it('requests come out as they went in, however they are split', () => {
    const request = fc.record({
      id: u32,
      kind: fc.constantFrom(1, 2, 3, 4, 5),
      offsetBytes: fc.maxSafeNat(),
      data,
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), cuts, (wanted, places) => {
        const requests = wanted.map((one): DiskRequest => {
          const isWrite = one.kind === DISK_COMMANDS.write
          return {
            ...one,
            lengthBytes: one.data.byteLength,
            data: isWrite ? one.data : new Uint8Array(0),
          }
        })
        const bytes = Buffer.concat(requests.flatMap((one) => [encodeRequest(one), one.data]))
        const found: DiskRequest[] = []
        const read = requestReader((one) => found.push({ ...one, data: Uint8Array.from(one.data) }))
        for (const chunk of split(bytes, places)) read(chunk)
        expect(found).toEqual(requests)
      }),
    )
  })

  it('answers come out as they went in, however they are split', () => {
    const answer: fc.Arbitrary<DiskAnswer> = fc.record({
      ...{ id: u32, errno: u32, value: fc.maxSafeNat(), logicalBlockBytes: u32, data },
    })
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 8 }), cuts, (answers, places) => {
        const bytes = Buffer.concat(answers.flatMap((one) => [encodeAnswer(one), one.data]))
        const found: DiskAnswer[] = []
        const read = answerReader((one) => found.push({ ...one, data: Uint8Array.from(one.data) }))
        for (const chunk of split(bytes, places)) read(chunk)
        expect(found).toEqual(answers)
      }),
    )
  })

  it('nonsense is refused', () => {
    const nothing = (): void => undefined
    expect(() => requestReader(nothing)(new Uint8Array(24))).toThrow('no command 0')
    expect(() => requestReader(nothing)(new Uint8Array(24).fill(2))).toThrow('too long')
    expect(() => answerReader(nothing)(new Uint8Array(24).fill(0xff))).toThrow('too long')
  })
})

describe('a disk by the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-disk-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'device')
  const machine = testMachine(folder)
  const { signal } = new AbortController()
  const clock = new RealClock({ syscalls: loadSyscalls() })
  const done: string[] = []
  let disk: KernelDisk

  const program = new InstalledDiskProgram(machine)
  const open = async (device: string): Promise<KernelDisk> =>
    KernelDisk.open(
      machine,
      { volume: 'v1', host: 'h1', transport: 'iscsi', devicePath: device },
      {
        clock,
        command: await program.command(device),
        rescan: () => {
          writeFileSync(device, Buffer.concat([readFileSync(device), Buffer.alloc(1 << 20)]))
          return Promise.resolve()
        },
        release: () => {
          done.push('released')
          return Promise.resolve()
        },
      },
      signal,
    )

  beforeEach(async () => {
    writeFileSync(path, Buffer.alloc(4 << 20))
    done.length = 0
    disk = await open(path)
  })
  afterEach(() => disk.detach())

  it('reads what was written, many commands at once and of any length', async () => {
    expect(disk).toMatchObject({ sizeBytes: 4 << 20, logicalBlockBytes: 512, devicePath: path })
    const content = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i >>> 9) * 7 + i)
    const parts = Array.from({ length: 48 }, (_, i) => i * 65_536)
    await Promise.all(parts.map((at) => disk.write(at, content.subarray(at, at + 65_536), signal)))
    await disk.flush(signal)
    expect(Buffer.compare(await disk.read(0, content.byteLength, signal), content)).toBe(0)
    expect(Buffer.compare(readFileSync(path).subarray(0, content.byteLength), content)).toBe(0)
    await disk.write(0, content.subarray(0, 2 << 20), signal)
    await disk.trim(0, 1 << 20, signal)
    expect((await disk.read(0, 1 << 20, signal)).every((byte) => byte === 0)).toBe(true)
  })

  it('tells errors in the words of the system, and goes on', async () => {
    const past = disk.read(8 << 20, 4096, signal)
    await expect(past).rejects.toMatchObject({
      code: 'DISK',
      message: expect.stringContaining('0 bytes were read'),
    })
    await disk.write(0, new Uint8Array(4096).fill(1), signal)
    expect((await disk.read(0, 1, signal).catch(() => disk.read(0, 4096, signal)))[0]).toBe(1)
  })

  it('is larger after the kernel was asked', async () => {
    await disk.refresh(signal)
    expect(disk.sizeBytes).toBe(5 << 20)
  })

  it('gives commands up when told to, and all of them when it is detached', async () => {
    const given = new AbortController()
    const reading = disk.read(0, 4096, given.signal)
    given.abort()
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
    expect((await disk.read(0, 4096, signal)).byteLength).toBe(4096)
    const last = disk.read(0, 4096, signal)
    const detached = disk.detach()
    await expect(last).rejects.toMatchObject({ code: 'CLOSED' })
    await Promise.all([detached, disk.detach()])
    expect(done).toEqual(['released'])
    await expect(disk.flush(signal)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('a device that cannot be opened is told with the reason', async () => {
    await expect(open(join(folder, 'none'))).rejects.toMatchObject({
      code: 'DISCONNECTED',
      message: expect.stringContaining('no such file'),
    })
  })
})
