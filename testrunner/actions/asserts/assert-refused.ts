/**
 * That a write is not acknowledged: refused, or without an answer. It goes to the volume's last block, where no oracle writes,
 * for it may come into effect later.
 */
import { isBlockError } from '../../../src/base/errors.ts'
import { duration, optional, size, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { ATTACHED, diskOf } from '../hosts/attached.ts'
import { notAsStated } from '../shared/failures.ts'
import { pause } from '../shared/until.ts'

export const ASSERT_REFUSED = defineAction({
  name: 'assert_refused',
  group: 'assert',
  summary: 'A write to an attached volume is refused, or gets no answer for a time',
  parameters: {
    ...ATTACHED,
    offset: optional(size('where; the last block of the disk unless given')),
    for: withDefault(duration('how long no answer may come'), '3s'),
  },
  result: '{refused: the error, or null when no answer came}',
  run: async (context, { offset, for: quietMs, ...name }) => {
    const disk = diskOf(context.world, name)
    const length = Math.max(4096, disk.logicalBlockBytes)
    const at = offset ?? disk.sizeBytes - length
    const given = new AbortController()
    const signal = AbortSignal.any([context.signal, given.signal])
    const written = disk.write(at, new Uint8Array(length).fill(0xa5), signal).then(
      () => 'acknowledged' as const,
      (error: unknown) => ({ refused: isBlockError(error) ? `${error.code}: ${error.message}` : `${error}` }),
    )
    const quiet = pause(context, quietMs).then(() => 'quiet' as const)
    const outcome = await Promise.race([written, quiet])
    given.abort()
    await written
    if (outcome === 'acknowledged')
      throw notAsStated(`a write to ${name.volume} was acknowledged`, 'refused or no answer', 'acknowledged')
    return outcome === 'quiet' ? { refused: null } : outcome
  },
})
