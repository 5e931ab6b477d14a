/** Files on a mounted volume, whose content follows from a seed. */

import { MIB } from '../../../src/base/units.ts'
import { StepFailure } from '../../model/failure.ts'
import { integer, optional, size, text, truth, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { seededBytes, sha256 } from '../data/content.ts'
import { ATTACHED } from '../hosts/attached.ts'
import { KERNEL, mountOf, pathIn, tool } from './mounts.ts'

const FILE_BYTES_MAX = 256 * MIB

export const fileWrite = defineAction({
  name: 'file_write',
  group: 'file system',
  summary: 'Write a file whose content follows from a seed, and fsync it',
  parameters: {
    ...ATTACHED,
    path: text('below the mount; with several files a number is appended'),
    size: withDefault(size('of each file, at most 256MiB'), '1MiB'),
    seed: withDefault(text('the content follows from this text and the file'), 'basalt'),
    count: withDefault(integer('how many files', 1, 10_000), 1),
    fsync: withDefault(truth('make it durable, too'), true),
  },
  result: 'path and sha256 of the file; of several a list',
  needs: KERNEL,
  timeoutMs: 120_000,
  async run(context, { path, size: bytes, seed, count, fsync, ...name }) {
    if (bytes > FILE_BYTES_MAX) throw new StepFailure('ARGUMENT', 'a file is at most 256MiB')
    const mount = mountOf(context.world, name)
    const written = []
    for (let index = 0; index < count; index++) {
      const below = count === 1 ? path : `${path}${index}`
      const file = pathIn(mount, below)
      const content = seededBytes(`${seed} ${below}`, 0, bytes)
      await tool(context, mount.machine, ['mkdir', '-p', file.slice(0, file.lastIndexOf('/'))])
      const how = ['bs=1M', 'status=none', ...(fsync ? ['conv=fsync'] : [])]
      await tool(context, mount.machine, ['dd', `of=${file}`, ...how], { input: content })
      written.push({ path: below, sha256: sha256(content) })
    }
    // the names are durable only when their folder is
    if (fsync) await tool(context, mount.machine, ['sync', '-f', mount.path])
    return count === 1 ? written[0] : written
  },
})

export const fileChecksum = defineAction({
  name: 'file_checksum',
  group: 'file system',
  summary: 'Read a file from the disk and not from memory, and compare its checksum when one is given',
  parameters: {
    ...ATTACHED,
    path: text('below the mount'),
    equals: optional(text('the sha256 that it must have, as file_write told it')),
  },
  result: 'sha256 of the file',
  needs: KERNEL,
  timeoutMs: 120_000,
  async run(context, { path, equals, ...name }) {
    const mount = mountOf(context.world, name)
    const file = pathIn(mount, path)
    await tool(context, mount.machine, ['dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
    const { stdout } = await tool(context, mount.machine, ['sha256sum', file])
    const sum = stdout.slice(0, 64)
    if (equals !== undefined && sum !== equals)
      throw new StepFailure('DATA_MISMATCH', `${path} on ${name.volume} is not what was written`, {
        path,
        expected: equals,
        actual: sum,
      })
    return sum
  },
})
