/** Where each known bug is looked for: by a directed scenario, or among seeds of one configuration and with some faults. */
interface Hunt {
  /** Of scenarios/catalogue.ts; tried first. */
  readonly scenario?: string
  /** First seed, and how far it is to the next: 8 keeps the configuration. */
  readonly from?: number
  readonly stride?: number
  readonly faults?: string
}

export const HUNTS: Readonly<Record<string, Hunt>> = {
  'lost-history-kept': { scenario: 'lostHistoryIsGivenUp' },
  'add-without-barrier': { scenario: 'additionCountsFirst' },
  'no-joint-rule': { scenario: 'additionCountsFirst' },
  'doubtful-promoted': { scenario: 'doubtfulMembersWait' },
  'greatest-lsn-wins': { scenario: 'latestEpochWins' },
  'early-durable': { scenario: 'flushedIsDurableEverywhere' },
  'flush-counted-by-append': { scenario: 'flushedIsDurableEverywhere' },
  'stale-epoch-accepted': { scenario: 'lowerEpochsAreRefused' },
  'acknowledged-before-removal': { scenario: 'removalWaitsForTheRegistry' },
  'cas-without-version': { scenario: 'versionsAreCompared' },
  'doubt-forgotten': { scenario: 'doubtIsDurable' },
  'promotion-of-any-opening': { scenario: 'promotionsNameAnOpening' },
  'seal-not-durable': { scenario: 'sealsAreDurable' },
  'promise-not-kept': { scenario: 'promisesBind' },
  'promise-of-last-opening-forgotten': { scenario: 'promisesOutliveOpenings' },
  'one-promise-is-enough': { scenario: 'allPromisesCount' },
  'grant-from-receipt': { scenario: 'grantsCountFromAsking' },
  'lost-disk-is-whole': { scenario: 'lostDisksAreNotWhole' },
  'damaged-outvoted': { scenario: 'damagedAreNotOutvoted' },
  'removal-before-commit-held': { scenario: 'removalLeavesTheCommitHeld' },
  'removal-in-the-dark': { scenario: 'inheritanceIsHeld' },
  'ack-before-append': { scenario: 'acknowledgedIsAppended' },
  'uncommitted-read': { scenario: 'newestIsWaitedFor' },
  'no-margin': { scenario: 'marginCoversDrift' },
  'new-master-does-not-wait': { scenario: 'newMasterWaits' },
  'uncommitted-head-skipped': { scenario: 'uncommittedHeadsMayBeLost' },
  'base-block-dropped': { scenario: 'uncommittedHeadsMayBeLost' },
  'lag-unbounded': { scenario: 'lagIsBounded' },
}
