/** What goes wrong with masters and their registry. Each is true when it happened. */
import type { SeededRandom } from '../../random.ts'
import type { Trouble } from '../profile.ts'
import type { RealMaster } from './real-master.ts'

/** After so long without the registry a leader has been replaced. */
const REPLACED_MS = 6500
const FLAP_EVERY_MS = 7000
const FLAPS = 3

export type MasterTrouble = Extract<
  Trouble,
  | 'masterPause'
  | 'registryCut'
  | 'leaderFlap'
  | 'registryCall'
  | 'registryFails'
  | 'registryRestored'
  | 'registryLost'
>

interface Means {
  readonly master: RealMaster
  readonly random: SeededRandom
  readonly again: (afterMs: number, run: () => void) => void
}

export function masterTrouble(kind: MasterTrouble, means: Means): boolean {
  const { master, random } = means
  switch (kind) {
    case 'masterPause':
      return pause(means)
    case 'registryCut':
      return master.pick().cutRegistry(500 + random.integer(12_000))
    case 'leaderFlap':
      return flap(means, FLAPS)
    case 'registryCall':
      return master.pick().dieAtACall()
    case 'registryFails':
      return master.pick().failACommit()
    case 'registryRestored':
      return master.recovery.restore()
    case 'registryLost':
      return master.recovery.lose()
  }
}

function pause({ master, random }: Means): boolean {
  // of two long enough for the other to take over, as often as not
  const longMs = master.names.length > 1 && random.chance(0.5) ? 5000 : 0
  return master.pick().pause(200 + longMs + random.integer(7000), random.chance(0.4))
}

/** Who leads loses the registry until the other has taken over; then that one does, and so on. */
function flap(means: Means, times: number): boolean {
  const { master, again } = means
  const leading = master.machines.find(({ life }) => life !== undefined && life === master.life)
  if (leading === undefined || !leading.cutRegistry(REPLACED_MS)) return false
  if (times > 1) {
    again(FLAP_EVERY_MS, () => {
      if (!master.isBeingRecovered) flap(means, times - 1)
    })
  }
  return true
}
