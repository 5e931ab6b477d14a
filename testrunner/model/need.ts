/**
 * What a scenario or an action needs of the place where it runs. A place that lacks one makes the scenario skipped, with the
 * name of what is missing; it never makes it pass.
 */
export const NEEDS = {
  root: 'root on the machines',
  kernel: "a kernel's initiators (open-iscsi or nvme-cli) on the machines of hosts",
  netem: 'delay and loss of links (sch_netem, or proxies in its place)',
  partition: 'cuts between machines',
  'small-disk': 'a file system of limited size for a server (a tmpfs or a loop device that may be mounted)',
  fio: 'fio',
  sqlite: 'sqlite3',
  postgresql: 'PostgreSQL with pgbench',
  s3: 'an object store that the run may start',
} as const

export type Need = keyof typeof NEEDS
export const isNeed = (text: string): text is Need => Object.hasOwn(NEEDS, text)
