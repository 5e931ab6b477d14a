/** The rows of `npm run bench`: a load, and the least ratio of operations a second against the peer. */
export interface Work {
  readonly name: string
  /** Flags of `basalt bench`. */
  readonly flags: readonly string[]
  readonly writes: boolean
  /** Undefined for a row that is only printed. */
  readonly bar: number | undefined
}

const work = (name: string, flags: string, bar?: number): Work => ({
  name,
  flags: flags.split(' '),
  writes: name.includes('write'),
  bar,
})

/** Reads come first: they are to find a volume that was written once and is at rest. */
export const WORKS: readonly Work[] = [
  work('4k random read, depth 1', '--rw randread --bs 4k --qd 1', 1.3),
  work('4k random read, depth 32', '--rw randread --bs 4k --qd 32', 1.3),
  work('128k sequential read, depth 1', '--rw read --bs 128k --qd 1'),
  work('128k sequential read, depth 32', '--rw read --bs 128k --qd 32', 1),
  work('4k random write, depth 1', '--rw randwrite --bs 4k --qd 1', 1),
  work('4k random write, depth 32', '--rw randwrite --bs 4k --qd 32', 1),
  work('128k sequential write, depth 1', '--rw write --bs 128k --qd 1'),
  work('128k sequential write, depth 32', '--rw write --bs 128k --qd 32', 1),
  work('4k write and flush each, depth 1', '--rw randwrite --bs 4k --qd 1 --sync-every 1'),
]

/** The rows in which the peer is our own iSCSI. */
export const NVME_WORKS: readonly Work[] = [
  work('NVMe/TCP 4k random read, depth 1', '--rw randread --bs 4k --qd 1'),
  work('NVMe/TCP 4k random read, depth 32', '--rw randread --bs 4k --qd 32', 1.2),
  work('NVMe/TCP 128k sequential read, depth 32', '--rw read --bs 128k --qd 32'),
  work('NVMe/TCP 4k random write, depth 32', '--rw randwrite --bs 4k --qd 32', 1.2),
  work('NVMe/TCP 128k sequential write, depth 32', '--rw write --bs 128k --qd 32'),
]

/** Those of `works` whose name holds `text`; all for none. */
export const worksNamed = (works: readonly Work[], text: string): readonly Work[] =>
  works.filter(({ name }) => name.includes(text))
