/** Delay, loss and rate by the kernel's sch_netem, at both ends of a machine's link: what it sends and what it gets. */
import { spawnSync } from 'node:child_process'
import type { Impairment } from '../backend.ts'
import { runCommand } from '../local/command.ts'
import type { Namespace } from './namespaces.ts'

/** Packets that may wait; with less, delay at a high rate would be loss. */
const LIMIT = '100000'

/** Whether the kernel has it: tried in a namespace that is gone afterwards. */
export const hasNetem = (): boolean =>
  spawnSync('unshare', ['-n', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'], {
    stdio: 'ignore',
  }).status === 0

export const netemArguments = (impairment: Impairment): readonly string[] => {
  const { delayMs, jitterMs, lossPercent, bytesPerSecond } = impairment
  return [
    ...['netem', 'limit', LIMIT, 'delay', `${delayMs}ms`],
    ...(jitterMs > 0 ? [`${jitterMs}ms`] : []),
    ...(lossPercent > 0 ? ['loss', `${lossPercent}%`] : []),
    ...(bytesPerSecond === null ? [] : ['rate', `${bytesPerSecond * 8}bit`]),
  ]
}

export async function setNetem({ name, link }: Namespace, impairment: Impairment): Promise<void> {
  const args = netemArguments(impairment)
  await runCommand(['tc', '-n', name, 'qdisc', 'replace', 'dev', 'eth0', 'root', ...args])
  await runCommand(['tc', 'qdisc', 'replace', 'dev', link, 'root', ...args])
}

export async function clearNetem({ name, link }: Namespace): Promise<void> {
  await runCommand(['tc', '-n', name, 'qdisc', 'del', 'dev', 'eth0', 'root'])
  await runCommand(['tc', 'qdisc', 'del', 'dev', link, 'root'])
}
