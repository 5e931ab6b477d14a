/** The folder of one replica on its server's machine: ranges of its files, read and written from outside the product. */

import type { DiskFile } from '../../../src/base/ports/disk.ts'
import { MIB } from '../../../src/base/units.ts'
import { readSlots } from '../../../src/blockvol/format/dual-slot.ts'
import {
  decodeSuperblock,
  SUPERBLOCK_FORMAT,
  type Superblock,
} from '../../../src/blockvol/format/superblock.ts'
import type { Machine, Ran } from '../../backends/backend.ts'
import type { Daemon } from '../../cluster/cluster.ts'
import { couldNot } from '../shared/failures.ts'

/** Of one command: what it prints is held as text. */
const PIECE_BYTES = 4 * MIB
const UNIT_BYTES = 4096

export class ReplicaFolder {
  readonly #machine: Machine
  readonly #path: string
  readonly #logPath: string

  /** `volumeId`: a UUID. `logFolder`: the server's `log-dir`, undefined for none. */
  constructor(
    { machine, dataPath }: Pick<Daemon, 'machine' | 'dataPath'>,
    volumeId: string,
    logFolder?: string,
  ) {
    this.#machine = machine
    this.#path = `${dataPath}/volumes/${volumeId}`
    this.#logPath = logFolder === undefined ? `${this.#path}/log` : `${logFolder}/${volumeId}/log`
  }

  get logPath(): string {
    return this.#logPath
  }

  extentsPath(segment: number): string {
    return `${this.#path}/extents/${String(segment).padStart(6, '0')}`
  }

  /** Numbers of the files of 64 GiB each that have a map. */
  async segments(): Promise<readonly number[]> {
    const { stdout } = await this.#run(['ls', `${this.#path}/extents`])
    return [...stdout.matchAll(/^(\d{6})\.map$/gm)].map(([, digits]) => Number(digits))
  }

  async superblock(): Promise<Superblock> {
    const path = `${this.#path}/super`
    const bytes = await this.read(path, 0, 2 * SUPERBLOCK_FORMAT.slotBytes)
    const { body } = await readSlots(SUPERBLOCK_FORMAT, inMemory(path, bytes))
    return decodeSuperblock(body, path)
  }

  /** 0 when there is no such file. */
  async sizeBytes(path: string): Promise<number> {
    const { code, stdout } = await this.#machine.run(['stat', '-c', '%s', path])
    return code === 0 ? Number(stdout.trim()) : 0
  }

  /** Both multiples of 4 KiB. What the file does not have is zeros. */
  async read(path: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes)
    for (let at = 0; at < lengthBytes; at += PIECE_BYTES) {
      const from = (offsetBytes + at) / UNIT_BYTES
      const count = Math.ceil(Math.min(PIECE_BYTES, lengthBytes - at) / UNIT_BYTES)
      const dd = `dd if='${path}' bs=${UNIT_BYTES} skip=${from} count=${count} status=none | base64 -w0`
      const { stdout } = await this.#run(['sh', '-c', `if [ -e '${path}' ]; then ${dd}; fi`])
      bytes.set(Buffer.from(stdout, 'base64').subarray(0, lengthBytes - at), at)
    }
    return bytes
  }

  /** In place, and onto the medium. */
  async write(path: string, offsetBytes: number, data: Uint8Array): Promise<void> {
    const how = ['bs=4096', `seek=${offsetBytes}`, 'oflag=seek_bytes', 'conv=notrunc,fsync', 'status=none']
    await this.#run(['dd', `of=${path}`, ...how], data)
  }

  async #run(command: readonly string[], input?: Uint8Array): Promise<Ran> {
    const ran = await this.#machine.run(command, input === undefined ? {} : { input })
    if (ran.code === 0) return ran
    throw couldNot(`${command[0]} on ${this.#machine.name} ended with ${ran.code}: ${ran.stderr.trim()}`)
  }
}

/** What `readSlots` needs of a file. */
function inMemory(path: string, content: Uint8Array): DiskFile {
  const file: Pick<DiskFile, 'path' | 'readUncached'> = {
    path,
    readUncached: async (target, offsetBytes) => {
      const part = content.subarray(offsetBytes, offsetBytes + target.byteLength)
      target.set(part)
      return part.byteLength
    },
  }
  return file as DiskFile
}
