/** What an operator may set of placement; docs/placement.md says what each is for. */
export interface PlacementSettings {
  /** Volumes are thin: so many times a server's capacity may be promised. 1: no overcommit. */
  readonly overcommitRatio: number
  /** Of its capacity: what a server keeps free of new replicas, for those that it has grow. */
  readonly reserveRatio: number
  /** A server is not given up before it has been away for so long. */
  readonly lostAfterMs: number
  /** When more than this share of the servers is away at once, none is given up: it is the network, or the master. */
  readonly awayShareMax: number
  /** Replacements under way at once in the cluster. */
  readonly replacementsMax: number
  /** Moves of one rebalance. */
  readonly movesMax: number
  /** Shares of fill, and of primaries, that differ by less than this are even. */
  readonly evenShare: number
}

export const DEFAULT_PLACEMENT: PlacementSettings = {
  overcommitRatio: 2,
  reserveRatio: 0.05,
  lostAfterMs: 600_000,
  awayShareMax: 1 / 3,
  replacementsMax: 4,
  movesMax: 50,
  evenShare: 0.05,
}
