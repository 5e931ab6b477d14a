/** What a volume's state means to who uses it: abnormal is what somebody has to look at, not what mends itself. */

export interface ConditionFacts {
  readonly isServing: boolean
  readonly mayHaveLost: boolean
  readonly health: string
  readonly healthReasons: readonly string[]
}

export interface Condition {
  readonly abnormal: boolean
  readonly message: string
}

export function conditionOf({ isServing, mayHaveLost, health, healthReasons }: ConditionFacts): Condition {
  const why = healthReasons.length === 0 ? '' : `: ${healthReasons.join('; ')}`
  const found = [
    ...(mayHaveLost ? ['a forced promotion may have lost acknowledged writes'] : []),
    ...(isServing ? [] : ['hosts are not served']),
    ...(health === 'unsafe' ? ['acknowledged writes are at risk'] : []),
  ]
  if (found.length > 0) return { abnormal: true, message: `${found.join('; ')}${why}` }
  return { abnormal: false, message: `${health}${why}` }
}
