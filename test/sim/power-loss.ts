/** What is left of unsynced changes when the power goes. */
import { SECTOR_BYTES } from './content.ts'
import type { SeededRandom } from './random.ts'
import type { Kept, Unsynced } from './storage.ts'

/** What a power loss keeps: all, nothing, a prefix, or anything, sector by sector. */
export function drawKept(random: SeededRandom): (one: Unsynced) => Kept {
  const mode = random.pick(['all', 'none', 'prefix', 'any', 'any', 'torn'] as const)
  let isCut = false
  return (one) => {
    if (mode === 'all' || mode === 'none') return mode
    if (mode === 'prefix') {
      if (!isCut && random.chance(0.2)) isCut = true
      return isCut ? 'none' : 'all'
    }
    if (mode === 'any' || one.kind === 'name' || one.change.kind !== 'write')
      return random.pick(['all', 'none'])
    const { offsetBytes, lengthBytes } = one.change
    const end = offsetBytes + lengthBytes
    const kept: [number, number][] = []
    for (let at = offsetBytes; at < end; ) {
      const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES)
      if (random.chance(0.5)) kept.push([at, next])
      at = next
    }
    return kept
  }
}
