/** How much of what is made again and again is kept: the same flags for schedules and for pruning. */

import type { KeepRules } from '../../client/wire/schedule.ts'
import type { Call, FlagDescription } from '../command.ts'

const RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly'] as const

/** Of snapshots, or of what a command is about. */
export const KEEP_FLAGS: readonly FlagDescription[] = flags('keep', '')
/** Of backups, where snapshots are kept by rules of their own. */
export const BACKUP_KEEP_FLAGS: readonly FlagDescription[] = flags('keep-backups', ' of the backups')

function flags(prefix: string, of: string): readonly FlagDescription[] {
  const helps: Readonly<Record<(typeof RULES)[number], string>> = {
    last: `keep the newest so many${of}`,
    hourly: `and the newest of each of the last so many hours`,
    daily: 'the same of days',
    weekly: 'the same of weeks',
    monthly: 'the same of months',
  }
  return RULES.map((rule) => ({ name: `${prefix}-${rule}`, placeholder: 'N', help: helps[rule] }))
}

/** What the flags of `call` say; undefined when they say nothing. INVALID_ARGUMENT for what is no count. */
export function readKeep(call: Call, prefix: 'keep' | 'keep-backups' = 'keep'): KeepRules | undefined {
  const rules = RULES.flatMap((rule): [string, number][] => {
    const count = call.count(`${prefix}-${rule}`)
    return count === undefined ? [] : [[rule, count]]
  })
  return rules.length === 0 ? undefined : Object.fromEntries(rules)
}
