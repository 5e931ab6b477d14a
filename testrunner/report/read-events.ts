/** events.jsonl as it was found: a killed run tears its last line, and nothing in it is believed before it was looked at. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { EventSink, RunEvent } from '../model/event.ts'
import { isValueMap, type Value, type ValueMap } from '../model/value.ts'

type Kind = 'text' | 'text or null' | 'number' | 'truth' | 'map' | 'any' | 'texts' | Kinds
interface Kinds {
  readonly [field: string]: Kind
}

const OUTCOME = 'text'
const STEP: Kinds = { phase: 'text', round: 'number', index: 'number', action: 'text', id: 'text or null' }
const FAILURE: Kinds = { code: 'text', message: 'text', evidence: 'any' }

/** Fields of each event; with a `?` at its end one may be null. */
const EVENTS: Readonly<Record<RunEvent['type'], Kinds>> = {
  'scenario-started': { proves: 'text', tier: 'text', variables: 'map', steps: 'number' },
  'place-opened': { machines: 'texts', facts: 'map' },
  'phase-started': { phase: 'text', round: 'number', rounds: 'number' },
  'phase-ended': { phase: 'text', round: 'number', outcome: OUTCOME },
  'step-started': { step: STEP, arguments: 'map' },
  'step-progress': { step: STEP, text: 'text' },
  'step-retried': { step: STEP, attempt: 'number', failure: FAILURE },
  'step-ended': {
    ...{ step: STEP, outcome: OUTCOME, isErrorIgnored: 'truth', durationMs: 'number', result: 'any' },
    ...{ 'failure?': FAILURE, position: { file: 'text', line: 'number', column: 'number' } },
  },
  sample: { series: 'text', unit: 'text', value: 'number' },
  mark: { what: 'text', isHarm: 'truth' },
  artifact: { path: 'text', about: 'text' },
  log: { text: 'text' },
  'cleaned-up': { what: 'text', 'failure?': FAILURE },
  'scenario-ended': { outcome: OUTCOME, reason: 'text or null', 'failure?': FAILURE },
}

/** No run takes 30 years. */
const MS_MAX = 1e12
const OUTCOMES: readonly Value[] = ['passed', 'failed', 'skipped']

/** The event that `line` says; null for anything else. */
export function parseEvent(line: string): RunEvent | null {
  let value: Value
  try {
    value = JSON.parse(line) as Value
  } catch {
    return null
  }
  if (!isValueMap(value) || !isOf(value, { type: 'text', scenario: 'text', atMs: 'number' })) return null
  const type = value.type as RunEvent['type']
  if (!Object.hasOwn(EVENTS, type) || !isOf(value, EVENTS[type])) return null
  if (value.outcome !== undefined && !OUTCOMES.includes(value.outcome)) return null
  if (!((value.atMs as number) >= 0 && (value.atMs as number) <= MS_MAX)) return null
  return value as unknown as RunEvent
}

/** Gives every event of the file to `sink`. Resolves with how many lines were none. Rejects when it cannot be read. */
export async function readEvents(path: string, sink: EventSink): Promise<number> {
  let wrong = 0
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    const event = parseEvent(line)
    if (event !== null) sink(event)
    else if (line.trim() !== '') wrong++
  }
  return wrong
}

const isOf = (value: ValueMap, kinds: Kinds): boolean =>
  Object.entries(kinds).every(([field, kind]) =>
    field.endsWith('?')
      ? value[field.slice(0, -1)] === null || isKind(value[field.slice(0, -1)], kind)
      : isKind(value[field], kind),
  )

function isKind(value: Value | undefined, kind: Kind): boolean {
  if (typeof kind === 'object') return isValueMap(value) && isOf(value, kind)
  switch (kind) {
    case 'text':
      return typeof value === 'string'
    case 'text or null':
      return value === null || typeof value === 'string'
    case 'number':
      return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    case 'truth':
      return typeof value === 'boolean'
    case 'map':
      return isValueMap(value)
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string')
    case 'any':
      return value !== undefined
  }
}
