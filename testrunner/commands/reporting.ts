/** Where the events of a run go: the console, and the bundle. */
import { appendFileSync, mkdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EventSink, Outcome, RunEvent } from '../model/event.ts'
import { positionText } from '../model/position.ts'
import type { RunnerPorts, RunOptions } from './options.ts'

export interface Reporting {
  readonly sink: EventSink
  /** Of a scenario, by its label, in the bundle. */
  folderOf(label: string): string
  artifact(label: string, path: string, content: string | Uint8Array): Promise<void>
  /** Writes all reports; the last line. */
  finish(outcomes: readonly Outcome[]): Promise<void>
}

export async function openReporting(
  options: RunOptions,
  ports: RunnerPorts,
  runId: string,
): Promise<Reporting> {
  const bundle = join(options.output, runId)
  await mkdir(bundle, { recursive: true })
  const folderOf = (label: string): string => join(bundle, label.replaceAll('/', '-'))
  const say = (text: string): void => void ports.stdout.write(`${text}\n`)
  return {
    folderOf,
    sink: (event) => {
      mkdirSync(bundle, { recursive: true })
      appendFileSync(join(bundle, 'events.jsonl'), `${JSON.stringify(event)}\n`)
      for (const line of lines(event)) say(line)
    },
    artifact: async (label, path, content) => {
      const file = join(folderOf(label), 'artifacts', path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
    },
    finish: async (outcomes) => {
      const count = (outcome: Outcome): number => outcomes.filter((one) => one === outcome).length
      say(`report: ${bundle}`)
      say(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
    },
  }
}

function lines(event: RunEvent): readonly string[] {
  const at = `${(event.atMs / 1000).toFixed(1).padStart(7)} ${event.scenario}`
  switch (event.type) {
    case 'step-ended':
      return [
        `${at}: ${event.step.phase} ${event.step.index} ${event.step.action} ${event.outcome} (${Math.round(event.durationMs)} ms)`,
        ...(event.failure === null
          ? []
          : [
              `  ${positionText(event.position)}: ${event.failure.code}: ${event.failure.message}`,
              `  ${JSON.stringify(event.failure.evidence)}`,
            ]),
      ]
    case 'scenario-ended':
      return [`${at}: ${event.outcome}${event.reason === null ? '' : `: ${event.reason}`}`]
    case 'log':
      return [`${at}: ${event.text}`]
    case 'cleaned-up':
      return event.failure === null ? [] : [`${at}: ${event.what}: ${event.failure.message}`]
    default:
      return []
  }
}
