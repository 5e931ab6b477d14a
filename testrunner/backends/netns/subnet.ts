/** The addresses of one run: a network of its own, whose first address is the runner's on the bridge. */
import { networkInterfaces } from 'node:os'
import { BlockError } from '../../../src/base/errors.ts'
import type { Random } from '../../../src/base/ports/random.ts'

/** Within 10.0.0.0/8, where few put anything. */
const PREFIX = '10.213'
const SUBNETS = 256
const RUNNER = 1
const FIRST_MACHINE = 11

export interface Subnet {
  readonly runner: string
  readonly prefixLength: number
  /** Of the machine with that index, from 0. */
  machine(index: number): string
}

/** BUSY when none of them is free. */
export async function claimSubnet(
  random: Random,
  claim: (name: string) => Promise<boolean>,
): Promise<Subnet> {
  const taken = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? [])
  const first = random.integer(SUBNETS)
  for (let tried = 0; tried < SUBNETS; tried++) {
    const base = `${PREFIX}.${(first + tried) % SUBNETS}`
    if (taken.some((address) => address.startsWith(`${base}.`)) || !(await claim(`net-${base}`))) continue
    return {
      runner: `${base}.${RUNNER}`,
      prefixLength: 24,
      machine: (index) => `${base}.${FIRST_MACHINE + index}`,
    }
  }
  throw new BlockError('BUSY', `no network in ${PREFIX}.0.0/16 is free`)
}
