/** Limits of a volume's operations and bytes, as somebody asks for them; src/frontend/qos enforces them. */
import type { Finding } from '../master-api.ts'
import type { QosRecord } from '../records.ts'
import { Findings, shown } from './findings.ts'

export const NO_LIMITS: QosRecord = { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 }

/** Far above what a server does: what is above was meant otherwise. */
const LIMIT_MAX = { iops: 1e9, iopsBurst: 1e9, bytesPerSecond: 2 ** 50, bytesBurst: 2 ** 50 } as const
/** Below, a host that keeps 32 commands under way waits for seconds. */
const LOW = { iops: 32, bytesPerSecond: 2 ** 20 } as const

/** `changes` applied to `now`; findings for what is wrong with them, and then what was there. */
export function resolveQos(now: QosRecord, changes: unknown, found: Findings): QosRecord {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    found.error(
      'invalid_qos',
      `qos: ${shown(changes)} is not an object with iops, iopsBurst, bytesPerSecond or bytesBurst`,
    )
    return now
  }
  const next = { ...now }
  for (const [key, value] of Object.entries(changes)) {
    if (!isLimit(key)) {
      found.error(
        'unknown_field',
        `qos: ${shown(key)} is no limit; there are ${Object.keys(LIMIT_MAX).join(', ')}`,
      )
    } else if (value !== undefined) {
      const range = { what: `qos.${key}`, code: 'invalid_qos', min: 0, max: LIMIT_MAX[key] }
      next[key] = found.integer(value, range) ?? now[key]
    }
  }
  warnOfLimits(next, found)
  return next
}

/** The same for a volume that is there. */
export function changeQos(
  now: QosRecord,
  changes: unknown,
): { readonly qos: QosRecord; readonly warnings: readonly Finding[]; readonly errors: readonly Finding[] } {
  const found = new Findings()
  const qos = resolveQos(now, changes, found)
  return { qos, warnings: found.warnings, errors: found.errors }
}

const isLimit = (key: string): key is keyof QosRecord => Object.hasOwn(LIMIT_MAX, key)

function warnOfLimits({ iops, iopsBurst, bytesPerSecond, bytesBurst }: QosRecord, found: Findings): void {
  if ((iops === 0 && iopsBurst > 0) || (bytesPerSecond === 0 && bytesBurst > 0)) {
    found.warn(
      'burst_without_limit',
      'qos: a burst without its limit does nothing; give iops or bytesPerSecond too',
    )
  }
  if ((iops > 0 && iops < LOW.iops) || (bytesPerSecond > 0 && bytesPerSecond < LOW.bytesPerSecond)) {
    found.warn(
      'low_limit',
      `qos: below ${LOW.iops} IOPS or 1MiB a second hosts see time-outs and commands that are refused as busy`,
    )
  }
}
