/**
 * Where each known bug is shown: by a directed scenario, or by random seeds from one on (the first that showed it when this
 * was written; a change of the code may move it a little). Bugs of `replication.ts` that are not here are hunted in the
 * clusters of models (test/cluster), which reach them in fewer steps.
 */
interface Hunt {
  /** Of scenarios/catalogue.ts. */
  readonly scenario?: string
  /** First seed. */
  readonly from?: number
}

export const HUNTS: Readonly<Record<string, Hunt>> = {
  'lost-history-kept': { scenario: 'lostHistoryIsGivenUp' },
  'add-without-barrier': { scenario: 'additionCountsFirst' },
  'doubtful-promoted': { scenario: 'doubtfulMembersWait' },
  'greatest-lsn-wins': { scenario: 'latestEpochWins' },
  'one-answer-is-enough': { from: 1 },
  'early-durable': { scenario: 'flushedIsDurableEverywhere' },
  'stale-epoch-accepted': { scenario: 'lowerEpochsAreRefused' },
  'no-joint-rule': { scenario: 'additionCountsFirst' },
  'acknowledged-before-removal': { scenario: 'removalWaitsForTheRegistry' },
  'removal-before-commit-held': { scenario: 'removalLeavesTheCommitHeld' },
  'cas-without-version': { scenario: 'versionsAreCompared' },
  'doubt-forgotten': { scenario: 'doubtIsDurable' },
  'promotion-of-any-opening': { scenario: 'promotionsNameAnOpening' },
  'resync-not-marked': { from: 1 },
  'seal-not-durable': { scenario: 'sealsAreDurable' },
  'start-not-committed': { from: 1 },
  'promise-not-kept': { scenario: 'promisesBind' },
  'promise-of-last-opening-forgotten': { scenario: 'promisesOutliveOpenings' },
  'one-promise-is-enough': { scenario: 'allPromisesCount' },
  'grant-from-receipt': { scenario: 'grantsCountFromAsking' },
  'any-session-acknowledges': { from: 1 },
  'log-not-cut': { from: 3 },
  'lost-disk-is-whole': { scenario: 'lostDisksAreNotWhole' },
  'damaged-outvoted': { scenario: 'damagedAreNotOutvoted' },
  'lag-unbounded': { scenario: 'lagIsBounded' },
  'flush-past-commit': { from: 1 },
  'flush-past-durable': { from: 1 },
  'uncommitted-head-skipped': { scenario: 'uncommittedHeadsMayBeLost' },
  'ack-before-append': { scenario: 'acknowledgedIsAppended' },
  'flush-counted-by-append': { scenario: 'flushedIsDurableEverywhere' },
  'uncommitted-read': { scenario: 'newestIsWaitedFor' },
  'older-version-read': { from: 15 },
  'no-margin': { scenario: 'marginCoversDrift' },
  'new-master-does-not-wait': { scenario: 'newMasterWaits' },
  'lease-not-compared': { scenario: 'leasesAreCompared' },
  'removal-in-the-dark': { scenario: 'inheritanceIsHeld' },
  'halt-forgotten': { from: 5 },
  'marks-not-awaited': { from: 1 },
  'trim-without-tombstone': { scenario: 'trimsLeaveTombstones' },
  'base-block-over-newer': { scenario: 'newerVersionsStay' },
  'base-beyond-target': { scenario: 'baseEndsAtTheTarget' },
  'told-before-recorded': { from: 1 },
  'unanswered-commit-believed': { from: 1 },
  'lock-ignored': { from: 1 },
  'old-registry-believed': { from: 1 },
  'recovered-epoch-not-raised': { from: 1 },
  'connection-kept-across-epochs': { from: 4 },
  'standby-not-read-empty': { scenario: 'standbyIsReadEmpty' },
  'reservation-before-admission': { from: 12 },
  'lent-state-kept': { from: 10 },
  'reservations-of-power-loss': { from: 38 },
  'recovered-set-of-everybody': { from: 146 },
}
