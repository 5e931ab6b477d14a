/** Arguments of fio for what a step asks. Pure. */
export const FIO_LOADS = ['read', 'write', 'randread', 'randwrite', 'randrw'] as const
export type FioLoad = (typeof FIO_LOADS)[number]

export interface FioJob {
  /** A device or a file. */
  readonly path: string
  readonly load: FioLoad
  readonly blockBytes: number
  readonly depth: number
  readonly jobs: number
  /** Null: until all of the size was gone through once. */
  readonly runMs: number | null
  /** Null: all of the device. */
  readonly sizeBytes: number | null
  /** Reads among all, of a mixed load. */
  readonly readPercent: number
  /** An fsync after so many writes; 0 for none. */
  readonly fsyncEvery: number
  /** `write`: remembers what it writes; `check`: reads it and compares; `both`. Null: no verification. */
  readonly verify: 'write' | 'check' | 'both' | null
}

export function fioCommand(job: FioJob): readonly string[] {
  const { path, load, blockBytes, depth, jobs, runMs, sizeBytes, readPercent, fsyncEvery, verify } = job
  return [
    'fio',
    '--name=basalt',
    `--filename=${path}`,
    `--rw=${load}`,
    `--bs=${blockBytes}`,
    '--ioengine=libaio',
    `--iodepth=${depth}`,
    '--direct=1',
    ...(jobs === 1 ? [] : [`--numjobs=${jobs}`]),
    '--group_reporting',
    ...(sizeBytes === null ? [] : [`--size=${sizeBytes}`]),
    ...(runMs === null ? [] : ['--time_based', `--runtime=${runMs}ms`]),
    ...(load === 'randrw' ? [`--rwmixread=${readPercent}`] : []),
    ...(fsyncEvery === 0 ? [] : [`--fsync=${fsyncEvery}`]),
    // content that follows from the place, so that a later fio knows it
    ...(verify === null
      ? []
      : ['--verify=crc32c', '--verify_fatal=1', '--verify_state_save=0', '--randseed=1']),
    ...(verify === 'write' ? ['--do_verify=0'] : []),
    ...(verify === 'check' ? ['--verify_only'] : []),
    '--output-format=json',
  ]
}
