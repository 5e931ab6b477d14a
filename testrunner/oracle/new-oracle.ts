import type { Clock } from '../../src/base/ports/clock.ts'
import type { Random } from '../../src/base/ports/random.ts'
import { VolumeLedger } from './ledger.ts'
import type { Oracle } from './oracle.ts'

/** One for each scenario. */
export function newOracle({ clock, random }: { readonly clock: Clock; readonly random: Random }): Oracle {
  const ledgers = new Map<string, VolumeLedger>()
  return {
    ledger: (volume) => {
      const known = ledgers.get(volume)
      if (known !== undefined) return known
      const made = new VolumeLedger(volume, {
        author: random.integer(2 ** 32),
        clock,
        random: (limit) => random.integer(limit),
      })
      ledgers.set(volume, made)
      return made
    },
    check: () => {
      for (const { failure } of ledgers.values()) if (failure !== undefined) throw failure
    },
    close: async () => {
      await Promise.all([...ledgers.values()].map((ledger) => ledger.close()))
    },
  }
}
