/** Effects as lines that a reviewer reads: what belongs together in one word (`2/22` is epoch 2 with id 22). */
import type { Effects } from '../../../src/v2engine/effects.ts'

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const has = (value: Fields, ...keys: string[]): boolean => keys.every((key) => key in value)

function word(value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return `[${value.map(word).join(' ')}]`
  if (value === Number.NEGATIVE_INFINITY) return 'never'
  if (value === Number.POSITIVE_INFINITY) return 'always'
  if (!isObject(value)) return String(value)
  if (has(value, 'number', 'id')) return `${value.number}/${value.id}`
  if (has(value, 'primaryOpening')) return `s${value.id}`
  if (has(value, 'firstLsn')) return `${word(value.epoch)}@${value.firstLsn}`
  if (has(value, 'version', 'members')) return `v${value.version}${word(value.members)}`
  if (has(value, 'isDoubtful', 'isResyncing')) return standing(value)
  if (has(value, 'D', 'R', 'S', 'H')) return `D${value.D} R${value.R} S${value.S} H${value.H}`
  if (has(value, 'epoch', 'lsn')) return `${value.lsn} of epoch ${value.epoch}`
  return `{${fields(value)}}`
}

function standing(value: Fields): string {
  const words = ['doubtful', 'damaged', 'resyncing'].filter(
    (name) => value[`is${name[0]!.toUpperCase()}${name.slice(1)}`] === true,
  )
  return words.join('+') || 'sound'
}

/** `key=value` of what says something: no flags that are down, nothing that is null. */
function fields(value: Fields, without: readonly string[] = []): string {
  return Object.entries(value)
    .filter(([key, part]) => !without.includes(key) && part !== false && part !== null)
    .map(([key, part]) => (part === true ? key : key === 'kind' ? String(part) : `${key}=${word(part)}`))
    .join(' ')
}

const MARKS_SHOWN_ELSEWHERE = ['kind', 'bootId']

export function showEffects(effects: Effects): string[] {
  const { halt, persist, after, wakeAtMs } = effects
  const lines: string[] = []
  const add = (head: string, value: Fields, without: readonly string[] = []): void => {
    lines.push(`${head} ${value.kind}${prefixed(fields(value, ['kind', ...without]))}`)
  }
  if (halt !== null) lines.push(`halt ${halt.why}`)
  for (const item of persist) {
    if (item.kind === 'marks') lines.push(`persist marks ${fields({ ...item.marks }, MARKS_SHOWN_ELSEWHERE)}`)
    else add('persist', { ...item })
  }
  if (after.serve !== null) add('serve', { ...after.serve })
  for (const command of after.storage) add('storage', { ...command })
  for (const command of after.sessions) add('session', { ...command })
  for (const envelope of after.send) {
    const to = envelope.to === 'authority' ? 'authority' : `${envelope.server}/${envelope.connection}`
    add(`send ${to}`, { ...envelope.message })
  }
  for (const command of after.links) add('link', { ...command })
  for (const reply of after.reply) add('reply', { ...reply })
  for (const alarm of after.notes) add('note', { ...alarm })
  if (wakeAtMs !== null) lines.push(`wake ${wakeAtMs}`)
  return lines
}

const prefixed = (text: string): string => (text === '' ? '' : ` ${text}`)
