/** What the machines of a topology are called. */
import type { Topology } from './scenario.ts'

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
