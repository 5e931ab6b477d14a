/** Where the events of a run go: to the console, and into the bundle. */
import { release } from 'node:os'
import { join, resolve } from 'node:path'
import { runName } from '../engine/scenario-events.ts'
import type { EventSink } from '../model/event.ts'
import type { Scenario } from '../model/scenario.ts'
import { RunBundle } from '../report/bundle.ts'
import { type Totals, totalsText } from '../report/collect.ts'
import { ConsoleReport, jsonLines } from '../report/console.ts'
import { gitState } from '../report/manifest.ts'
import type { RunnerPorts, RunOptions } from './options.ts'
import { noBundle } from './outputs.ts'

export interface Reporting {
  readonly sink: EventSink
  /** The run's folder. */
  readonly path: string
  /** The folder for data and logs of machines, within the run's: one for each scenario by its number, from 1. */
  readonly machines: string
  /** Where it is kept, within the bundle; null when there was no room for it. */
  artifact(scenario: string, path: string, content: string | Uint8Array, about: string): ArtifactSaved
  /** Writes the reports and the last lines. */
  finish(): Promise<void>
}

/** The last line of `--json`. It is not in the bundle, which need not say where it is. */
interface RunEnded extends Totals {
  readonly type: 'run-ended'
  /** Absolute. */
  readonly bundle: string
  /** With `--keep` the folder of data and logs of machines, absolute too. */
  readonly kept: string | null
}

type ArtifactSaved = Promise<{ readonly path: string; readonly about: string } | null>

const SOURCES = join(import.meta.dirname, '..', '..')

/** Rejects with INVALID_ARGUMENT when the run's folder cannot be made. */
export async function openReporting(
  scenarios: readonly Scenario[],
  options: RunOptions,
  { stdout, stderr, clock, version }: Pick<RunnerPorts, 'stdout' | 'stderr' | 'clock' | 'version'>,
  runId: string,
): Promise<Reporting> {
  const bundle = await RunBundle.open({
    ...{ directory: options.output, runId, beganMs: clock.wallMs(), hasSeveral: scenarios.length > 1 },
    facts: {
      ...{ productVersion: version, git: await gitState(SOURCES), node: process.version, kernel: release() },
      ...{ backend: options.backend, nodes: options.nodes === undefined ? [] : [options.nodes] },
      facts: { paths: [...options.paths], variables: options.variables },
    },
  }).catch((cause: NodeJS.ErrnoException) => {
    throw noBundle(options.output, cause)
  })
  for (const scenario of scenarios) await bundle.addScenario(runName(scenario), scenario.files)
  const write = (text: string): void => void stdout.write(text)
  const isTerminal = stdout.isTTY === true
  const console = new ConsoleReport({
    write,
    width: isTerminal ? stdout.columns : undefined,
    isColored: isTerminal,
  })
  const tell = options.isJson ? jsonLines(write) : console.add
  const machines = join(bundle.path, 'machines')
  const kept = options.isKept ? machines : null
  return {
    ...{ path: bundle.path, machines },
    sink: (event) => {
      bundle.sink(event)
      tell(event)
    },
    artifact: (scenario, path, content, about) => bundle.saveArtifact(scenario, path, content, about),
    finish: async () => {
      await bundle.finish({
        ...(options.junit !== undefined && { junitPath: options.junit }),
        ...(options.html !== undefined && { htmlPath: options.html }),
      })
      const { totals } = bundle
      if (options.isJson) {
        const ended: RunEnded = {
          type: 'run-ended',
          bundle: resolve(bundle.path),
          kept: kept && resolve(kept),
          ...totals,
        }
        write(`${JSON.stringify(ended)}\n`)
        stderr.write(`${totalsText(totals)}\n`)
      } else console.end(totals, bundle.path, kept)
    },
  }
}
