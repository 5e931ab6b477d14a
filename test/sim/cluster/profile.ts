/**
 * What one seed makes of a cluster: its mode, the volume's shape and settings, the load, and which faults there are. Each
 * seed has only some faults, and one or two kinds of trouble more often than the others.
 */
import { GIB, KIB, MIB } from '../../../src/base/units.ts'
import type { Tuning } from '../../../src/blockvol/tuning.ts'
import type { Policy } from '../../../src/v2engine/policy.ts'
import { FAULT_KINDS, type FaultKind, type FaultRates } from '../faults.ts'
import { drawSnapshots } from '../profile.ts'
import type { SeededRandom } from '../random.ts'
import type { SnapshotProfile } from '../snapshot-load.ts'
import type { NetRates } from './net.ts'

/** What the schedule of faults may do; see faults.ts. */
export const TROUBLES = [
  'kill',
  'power',
  'close',
  'pause',
  'sleep',
  'master',
  'cutOneWay',
  'cutBothWays',
  'isolate',
  'split',
  'lonely',
  'slowLink',
  'disk',
  'move',
  'address',
  'strayAssignment',
  'portCall',
  'rot',
  'full',
  'masterPause',
  'registryCall',
  'registryFails',
  'registryRestored',
  'registryLost',
  'promote',
  'registryCut',
  'leaderFlap',
  'wallJump',
] as const
export type Trouble = (typeof TROUBLES)[number]
/** Faults by name, as `--faults` takes them. */
export const CLUSTER_FAULTS = [
  ...TROUBLES,
  ...FAULT_KINDS,
  'delay',
  'dribble',
  'reset',
  'corrupt',
  'duplicate',
  'drift',
] as const
export type ClusterFault = (typeof CLUSTER_FAULTS)[number]

export interface ClusterProfile {
  readonly name: string
  readonly policy: Policy
  /** Servers that are not in the first in-sync set. */
  readonly spares: number
  /** Power and disks are lost only where every other member is whole: nothing acknowledged may ever be lost. */
  readonly isBudgeted: boolean
  readonly shape: {
    readonly sizeBytes: number
    readonly logBytes: number
    readonly logicalBlockBytes: 512 | 4096
  }
  /** Blocks that clients use. */
  readonly blocks: number
  readonly tuning: Partial<Tuning>
  readonly clients: number
  /** Hosts over iSCSI; they use blocks of their own. */
  readonly pathHosts: number
  /** Alone on their blocks, or taking them from each other by reservations. */
  readonly pathHostsKind: 'alone' | 'fenced'
  /** They keep a session to each server, instead of one that is redirected. */
  readonly isMultipath: boolean
  readonly blocksMax: number
  readonly thinkMs: readonly number[]
  readonly net: NetRates
  readonly disk: FaultRates
  readonly weights: Readonly<Record<Trouble, number>>
  /** Mean time between two troubles. */
  readonly troubleMs: number
  readonly rates: readonly number[]
  /** Speed of the clocks of each master's machine: there are as many masters. */
  readonly masterRates: readonly number[]
  readonly snapshots: SnapshotProfile
}

const syncAll = (replicaFactor: number, minInSync = 1): Policy => ({
  mode: { kind: 'sync_all', minInSync },
  replicaFactor,
})
const QUORUM: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const BEST_EFFORT: Policy = {
  mode: { kind: 'best_effort', maxLagEntries: 20, maxLagMs: 3000 },
  replicaFactor: 3,
}

const CONFIGURATIONS = [
  { name: 'sync_all of 3', policy: syncAll(3), isBudgeted: true, spares: 0 },
  { name: 'sync_quorum of 3', policy: QUORUM, isBudgeted: true, spares: 0 },
  { name: 'sync_all of 2', policy: syncAll(2), isBudgeted: true, spares: 0 },
  { name: 'best_effort of 3', policy: BEST_EFFORT, isBudgeted: false, spares: 0 },
  { name: 'sync_quorum of 3, chaos', policy: QUORUM, isBudgeted: false, spares: 0 },
  { name: 'sync_all of 3, at least 2', policy: syncAll(3, 2), isBudgeted: true, spares: 0 },
  { name: 'sync_all of 3, chaos', policy: syncAll(3), isBudgeted: false, spares: 0 },
  { name: 'sync_all of 3, one to come', policy: syncAll(3), isBudgeted: true, spares: 1 },
] as const

const DISK_RATES: Record<FaultKind, number> = {
  readError: 0.004,
  badPage: 0.002,
  writeError: 0.003,
  syncError: 0.003,
  syncLie: 0.05,
  misdirectedWrite: 0.005,
  misdirectedRead: 0.01,
  slow: 0.02,
  hang: 0.0005,
  cacheMiss: 0.2,
}

const DISK_SWARMS: readonly (readonly (FaultKind | 'rot' | 'full')[])[] = [
  [],
  [],
  [],
  ['cacheMiss'],
  ['slow', 'cacheMiss'],
  ['hang', 'slow'],
  ['readError', 'cacheMiss'],
  ['badPage', 'cacheMiss'],
  ['writeError'],
  ['syncError', 'cacheMiss'],
  ['syncLie'],
  ['rot', 'cacheMiss'],
  ['misdirectedRead', 'cacheMiss'],
  ['misdirectedWrite', 'cacheMiss'],
  ['full'],
]

const BASE_WEIGHTS: Record<Trouble, number> = {
  kill: 4,
  power: 3,
  close: 2,
  pause: 3,
  sleep: 2,
  master: 2,
  cutOneWay: 3,
  cutBothWays: 3,
  isolate: 2,
  split: 1,
  lonely: 1,
  slowLink: 2,
  disk: 1,
  move: 3,
  address: 1,
  strayAssignment: 2,
  portCall: 4,
  rot: 0,
  full: 0,
  masterPause: 1,
  registryCall: 2,
  registryFails: 2,
  registryRestored: 1,
  registryLost: 0.3,
  promote: 1,
  registryCut: 0,
  leaderFlap: 0,
  wallJump: 0,
}

/** 0: none of its own accord. */
const SCRUB_INTERVALS_MS = [0, 0, 0, 2_000, 10_000] as const

/** Of a run with two masters. */
const WEIGHTS_OF_TWO: Partial<Record<Trouble, number>> = {
  masterPause: 6,
  registryCut: 6,
  leaderFlap: 2,
  wallJump: 3,
}
const TWO_MASTERS_SHARE = 0.25

/** What is more often in a run of that bias. */
const BIASES: readonly Partial<Record<Trouble, number>>[] = [
  {},
  {},
  { kill: 20, portCall: 20 },
  { cutOneWay: 15, cutBothWays: 15 },
  { master: 10, isolate: 10 },
  { master: 6, registryCall: 10, registryFails: 10, masterPause: 4 },
  { registryRestored: 10, registryLost: 3, master: 4 },
  { power: 20 },
  { split: 20, lonely: 20 },
  { pause: 15, sleep: 10 },
  { disk: 8, address: 8 },
  { move: 20 },
]

/** What the seed draws; of the faults only those in `only`, if that is given. */
export function drawProfile(
  seed: number,
  random: SeededRandom,
  only?: readonly ClusterFault[],
): ClusterProfile {
  const configuration = CONFIGURATIONS[seed % CONFIGURATIONS.length]!
  const may = (fault: ClusterFault): boolean => only === undefined || only.includes(fault)
  const swarm = random.pick(DISK_SWARMS)
  const disk: FaultRates = {}
  for (const kind of FAULT_KINDS) {
    const isDrawn = only === undefined ? swarm.includes(kind) : only.includes(kind)
    if (isDrawn) disk[kind] = DISK_RATES[kind]
  }
  const weights = { ...BASE_WEIGHTS, ...random.pick(BIASES) }
  if (swarm.includes('rot')) weights.rot = 8
  if (swarm.includes('full')) weights.full = 6
  // drawn by itself, so that runs with one master are what they were
  const masters = random.fork('masters')
  const hasTwo = masters.chance(TWO_MASTERS_SHARE)
  if (hasTwo) {
    Object.assign(weights, WEIGHTS_OF_TWO)
    if (masters.chance(0.3)) Object.assign(weights, { registryCut: 20, masterPause: 15, leaderFlap: 8 })
  }
  for (const trouble of TROUBLES) if (!may(trouble)) weights[trouble] = 0
  const net = random.pick([
    { delay: 0.02, dribble: 0.005, reset: 0.002, corrupt: 0, duplicate: 0 },
    { delay: 0.01, dribble: 0.02, reset: 0.01, corrupt: 0.004, duplicate: 0.004 },
    { delay: 0.05, dribble: 0, reset: 0, corrupt: 0, duplicate: 0 },
    { delay: 0, dribble: 0, reset: 0, corrupt: 0, duplicate: 0 },
  ])
  const hasPathHosts = random.chance(0.4)
  return {
    ...configuration,
    name: hasTwo ? `${configuration.name}, two masters` : configuration.name,
    shape: {
      sizeBytes: MIB,
      logBytes: random.pick([128 * KIB, 256 * KIB, 512 * KIB]),
      logicalBlockBytes: random.chance(0.7) ? 512 : 4096,
    },
    blocks: random.pick([64, 128, 192]),
    tuning: {
      // drawn by itself, as masters are
      scrubIntervalMs: random.fork('scrubs').pick(SCRUB_INTERVALS_MS),
      scrubBytesPerSecond: GIB,
      idleFlushMs: random.pick([20, 200, 2_000]),
      flushWatermark: random.pick([0.1, 0.4, 0.6]),
      admissionTimeoutMs: random.pick([1_000, 5_000]),
      hungDiskMs: 8_000,
      flushRetryMs: random.pick([50, 500]),
      mapCacheBytes: random.pick([4 * KIB, 4 * MIB]),
      dirtyRangesMax: random.pick([8, 64, 16_384]),
      reserveBytes: weights.full > 0 ? 128 * KIB : 0,
    },
    clients: random.pick([2, 3, 5]),
    pathHosts: hasPathHosts ? random.pick([1, 2, 3]) : 0,
    pathHostsKind: random.chance(0.3) ? 'fenced' : 'alone',
    isMultipath: random.chance(0.5),
    blocksMax: random.pick([1, 2, 8]),
    thinkMs: random.pick([
      [1, 20, 300],
      [5, 100, 100, 900],
      [50, 200],
    ]),
    net: {
      delay: may('delay') ? net.delay : 0,
      dribble: may('dribble') ? net.dribble : 0,
      reset: may('reset') ? net.reset : 0,
      corrupt: may('corrupt') ? net.corrupt : 0,
      duplicate: may('duplicate') ? net.duplicate : 0,
    },
    disk,
    weights,
    troubleMs: random.pick([500, 1000, 2500]),
    rates: Array.from({ length: 3 }, () => (may('drift') ? random.pick([0.97, 1, 1.03]) : 1)),
    masterRates: [
      may('drift') ? random.pick([0.97, 1, 1.03]) : 1,
      ...(hasTwo ? [may('drift') ? masters.pick([0.97, 1, 1.03]) : 1] : []),
    ],
    snapshots: operated(random.fork('snapshots')),
  }
}

/** As of one volume, but fewer of them: all are read at every promotion. */
function operated(random: SeededRandom): SnapshotProfile {
  const { operators, restores } = drawSnapshots(random)
  return {
    operators: Math.min(2, operators),
    restores,
    kept: random.pick([1, 2, 4]),
    thinkMs: random.pick([
      [20, 200, 900],
      [200, 600],
    ]),
  }
}
