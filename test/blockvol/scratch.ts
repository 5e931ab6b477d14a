/**
 * What the engine's tests run on: the real disk under a directory of their own, which is removed with everything
 * in it when the file's tests are done, and volumes made there.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { BufferPool } from '../../src/base/buffer-pool.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { Disk } from '../../src/base/ports/disk.ts'
import { MIB } from '../../src/base/units.ts'
import type { CreateVolumeOptions, OpenVolumeOptions, VolumePorts } from '../../src/blockvol/api.ts'
import type { Tuning } from '../../src/blockvol/tuning.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealDisk } from '../../src/io/disk.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'

const syscalls = loadSyscalls()

/** One for all tests of a process: its parts are bounded and shared by design. */
export const realDisk: Disk = new RealDisk({ syscalls })

/** The ports of a volume; `replaced` stands in for some of them. */
export const portsWith = (replaced: Partial<VolumePorts> = {}): VolumePorts => ({
  disk: realDisk,
  clock: new RealClock({ syscalls }),
  random: new RealRandom(),
  pool: new BufferPool(),
  logger: silentLogger,
  ...replaced,
})

/** Nothing happens by itself: no flush for idleness, no periodic scrub, no reserve of free space. */
const QUIET: Partial<Tuning> = { idleFlushMs: 1e9, scrubIntervalMs: 0, reserveBytes: 0 }

/** Gives paths that nobody else uses. To be called once per test file, at its top. */
export function useScratch(): { next(): string } {
  const root = mkdtempSync(join(tmpdir(), 'basalt-blockvol-'))
  let count = 0
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  return { next: () => join(root, `v${count++}`) }
}

const UUID = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)

/** Makes a volume of 4 MiB with a log of 256 KiB, unless told otherwise. */
export const makeVolume = (
  ports: VolumePorts,
  directory: string,
  options: Partial<CreateVolumeOptions> = {},
): Promise<void> =>
  Volume.create(ports, {
    directory,
    uuid: UUID,
    name: 'vol1',
    sizeBytes: 4 * MIB,
    logicalBlockBytes: 512,
    logBytes: 256 * 1024,
    ...options,
  })

export const openVolume = (
  ports: VolumePorts,
  directory: string,
  { tuning, ...options }: Partial<OpenVolumeOptions> = {},
): Promise<Volume> => Volume.open(ports, { directory, ...options, tuning: { ...QUIET, ...tuning } })

/** Makes and opens a volume. */
export async function freshVolume(
  ports: VolumePorts,
  directory: string,
  options: { create?: Partial<CreateVolumeOptions>; open?: Partial<OpenVolumeOptions> } = {},
): Promise<Volume> {
  await makeVolume(ports, directory, options.create)
  return openVolume(ports, directory, options.open)
}

/** The files as a process that dies at this moment leaves them; a volume open on the original does not notice. */
export function copyAsCrashed(directory: string, to: string): string {
  cpSync(directory, to, { recursive: true })
  return to
}

/** `blocks` blocks that say which write they are of. */
export function filled(tag: number, lengthBytes = 4096): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  for (let i = 0; i < lengthBytes; i++) bytes[i] = (tag * 37 + i * 11 + (i >>> 9)) & 0xff
  return bytes
}

export async function readBlock(volume: Volume, block: number, blocks = 1): Promise<Uint8Array> {
  const target = new Uint8Array(blocks * 4096).fill(0xee)
  await volume.read(block * 4096, target)
  return target
}
