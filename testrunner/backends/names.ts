/** What the machines of a topology are called, and what all backends agree on. */
import type { Topology } from '../model/scenario.ts'

const numbered = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`)

export const masterNames = ({ masters }: Topology): readonly string[] => numbered('m', masters)
export const serverNames = ({ servers }: Topology): readonly string[] => numbered('s', servers)
export const hostNames = ({ hosts }: Topology): readonly string[] => numbered('h', hosts)

export const machineNames = (topology: Topology): readonly string[] => [
  ...masterNames(topology),
  ...serverNames(topology),
  ...hostNames(topology),
]

/** The folder of a machine that a daemon's data is in, and that `diskBytes` limits. */
export const DATA_FOLDER = 'data'
