/**
 * The faults that the cluster simulator owes, by the ids of the fault matrix, and what counts as one: each must happen at
 * least so often in 2,000 seeds, or the run has proved less than it says.
 */
export interface MatrixRow {
  readonly id: string
  readonly what: string
  /** Counters that are added up. */
  readonly counters: readonly string[]
}

export const FAULTS_PER_RUN = 20
export const SEEDS_PER_RUN = 2000

/** Of what an operator asked, and got no answer to: all or nothing of it happened. */
function interrupted(step: string): string[] {
  return ['BUSY', 'CLOSED', 'DISCONNECTED', 'POISONED'].map((outcome) => `operator ${step} ${outcome}`)
}

export const FAULT_MATRIX: readonly MatrixRow[] = [
  {
    id: 'D1',
    what: 'a torn append: power lost with the log unsynced',
    counters: ['trouble power', 'died in log'],
  },
  { id: 'D2', what: 'a crash at a call of group commit', counters: ['died in log'] },
  { id: 'D3', what: 'a crash at a write of superblock, marks or state', counters: ['died in bookkeeping'] },
  { id: 'D5', what: 'a crash within a flush', counters: ['died in extents'] },
  { id: 'D11', what: 'a sync that lies', counters: ['disk syncLie'] },
  { id: 'D12', what: 'a sync that fails', counters: ['disk syncError'] },
  { id: 'D13', what: 'a read that fails', counters: ['disk readError', 'disk badPage'] },
  { id: 'D14', what: 'a write that fails', counters: ['disk writeError'] },
  { id: 'D15', what: 'a full disk', counters: ['trouble full'] },
  { id: 'D16', what: 'a bit that rots', counters: ['trouble rot'] },
  {
    id: 'D17',
    what: 'a misdirected write or read',
    counters: ['disk misdirectedWrite', 'disk misdirectedRead'],
  },
  { id: 'D16', what: 'a bit of a preserved version that rots', counters: ['trouble rot of versions'] },
  { id: 'D18', what: 'a slow disk', counters: ['disk slow'] },
  { id: 'D19', what: 'a disk that hangs', counters: ['disk hang'] },
  {
    id: 'D20',
    what: 'a snapshot that is made while its server fails',
    counters: interrupted('snapshot create'),
  },
  { id: 'D20', what: 'a deletion of a snapshot, the same', counters: interrupted('snapshot delete') },
  { id: 'D20', what: 'a return to a snapshot, the same', counters: interrupted('snapshot restore') },
  { id: 'D21', what: 'an expand, the same', counters: interrupted('expand') },
  {
    id: 'N1',
    what: 'a partition, both ways',
    counters: ['trouble cutBothWays', 'trouble split', 'trouble isolate'],
  },
  { id: 'N2', what: 'a partition one way', counters: ['trouble cutOneWay'] },
  { id: 'N3', what: 'bytes delayed, doubled', counters: ['net delay', 'net duplicate'] },
  { id: 'N4', what: 'bytes corrupted', counters: ['net corrupt'] },
  { id: 'N5', what: 'a reset in the middle of a frame', counters: ['net reset'] },
  { id: 'N6', what: 'plans of every kind', counters: ['note planned'] },
  { id: 'N7', what: 'a catch-up interrupted', counters: ['catch-up interrupted'] },
  {
    id: 'N8',
    what: 'a resync interrupted, or taken over by another primary',
    counters: ['resync interrupted'],
  },
  { id: 'N9', what: 'a late write after a failover', counters: ['late writes refused'] },
  { id: 'N10', what: 'a slow replica', counters: ['trouble slowLink'] },
  { id: 'N11', what: 'an address that changes', counters: ['trouble address'] },
  {
    id: 'C1',
    what: 'a primary of an earlier epoch returns',
    counters: ['a primary of an earlier epoch is back'],
  },
  { id: 'C2', what: 'two are assigned in one epoch', counters: ['trouble strayAssignment'] },
  {
    id: 'C6',
    what: 'clocks drift, processes stop, machines sleep',
    counters: ['trouble pause', 'trouble sleep'],
  },
  { id: 'C5', what: 'another of two masters takes over', counters: ['leader changes'] },
  { id: 'C5', what: 'a leader flap', counters: ['leader flaps'] },
  { id: 'C5', what: 'two masters that believe to lead', counters: ['two believe to lead'] },
  { id: 'C5', what: 'an old leader that wakes up', counters: ['an old leader wakes up'] },
  { id: 'C5', what: 'a decision of an old leader, refused', counters: ['decisions of an old leader'] },
  { id: 'C5', what: 'a renewal of an old leader, refused', counters: ['renewals of an old leader'] },
  {
    id: 'C5',
    what: 'a master cut off from its registry',
    counters: ['trouble registryCut', 'trouble leaderFlap'],
  },
  {
    id: 'C5',
    what: 'a commit that nobody waits for any more',
    counters: ['late commits, committed', 'late commits, conflict'],
  },
  { id: 'C6', what: 'clocks that drift apart', counters: ['clocks drift'] },
  { id: 'C6', what: 'a wall clock that jumps', counters: ['trouble wallJump'] },
  {
    id: 'C7',
    what: 'a message of an epoch that is over',
    counters: ['authority message of an epoch that is over'],
  },
  { id: 'C8', what: 'an assignment repeated', counters: ['assignment repeated'] },
  { id: 'C3', what: 'a master that dies at a commit', counters: ['master died at a commit'] },
  { id: 'C3', what: 'a master that dies while it opens its registry', counters: ['master died at a read'] },
  { id: 'C4', what: 'a master that restarts', counters: ['master restarts'] },
  { id: 'C4', what: 'a beat that comes twice', counters: ['beats doubled'] },
  { id: 'C4', what: 'a beat that a later one overtook', counters: ['beats out of order'] },
  { id: 'C4', what: 'a beat that is not all there is', counters: ['partial beats'] },
  { id: 'C4', what: 'a stream that breaks', counters: ['streams broken'] },
  { id: 'C6', what: 'a master that stops, or sleeps', counters: ['trouble masterPause'] },
  { id: 'R1', what: 'a commit that fails', counters: ['commits that failed'] },
  { id: 'R2', what: 'a commit without an answer', counters: ['commits without an answer'] },
  { id: 'R3', what: 'an old copy of the registry', counters: ['trouble registryRestored'] },
  { id: 'R4', what: 'a registry that is lost', counters: ['trouble registryLost'] },
  { id: 'R5', what: 'a recovery', counters: ['recoveries'] },
  { id: 'O1', what: 'a planned move', counters: ['moves moved'] },
  { id: 'O2', what: 'a promotion that an operator asks for', counters: ['promotions asked for'] },
]

/** What every run must have had, per seed on average. */
export const LEAST_PER_SEED: Readonly<Record<string, number>> = {
  operations: 300,
  'epochs served': 2,
  'checked answers': 150,
  'operator snapshot create ok': 1.5,
  'operator snapshot restore ok': 0.3,
  'operator expand ok': 0.3,
  'snapshots compared': 0.4,
  'snapshot at a promotion ok': 0.4,
  crashes: 1,
}

export const CRASHES: readonly string[] = [
  'trouble kill',
  'trouble power',
  'trouble disk',
  'trouble at a promotion',
  'died in log',
  'died in extents',
  'died in bookkeeping',
]

/** Adds up `counters` of a run. */
export const sumOf = (counts: ReadonlyMap<string, number>, counters: readonly string[]): number =>
  counters.reduce((sum, counter) => sum + (counts.get(counter) ?? 0), 0)
