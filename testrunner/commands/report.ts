/** `basalt scenario report BUNDLE`: makes the reports of a run anew from its events, as after it was killed. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isBlockError } from '../../src/base/errors.ts'
import { RunCollector, totalsText } from '../report/collect.ts'
import type { Manifest } from '../report/manifest.ts'
import { readEvents } from '../report/read-events.ts'
import { resultJson } from '../report/result.ts'
import { writeReports } from '../report/write-reports.ts'
import { checkReportFiles } from './outputs.ts'
import { EXIT_INVALID, EXIT_OK } from './ports.ts'

export interface ReportOptions {
  /** The run's folder. */
  readonly bundle: string
  /** Prints result.json. */
  readonly isJson?: boolean
  /** Copies elsewhere. */
  readonly junitPath?: string
  readonly htmlPath?: string
}

interface Output {
  write(text: string): unknown
}

export interface ReportPorts {
  readonly stdout: Output
  readonly stderr: Output
}

/** Resolves with the exit code: 0 when they were made, whatever they tell; 2 when the folder is no bundle, or a file cannot be written. */
export async function reportCommand(options: ReportOptions, ports: ReportPorts): Promise<number> {
  const { bundle, isJson, ...also } = options
  const { stdout, stderr } = ports
  const events = join(bundle, 'events.jsonl')
  const isThere = await stat(events).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isThere) {
    stderr.write(`${bundle} is no bundle of a run: it has no events.jsonl\n`)
    return EXIT_INVALID
  }
  try {
    await checkReportFiles({ junit: options.junitPath, html: options.htmlPath })
  } catch (error) {
    if (!isBlockError(error)) throw error
    stderr.write(`basalt: ${error.message}\n`)
    return EXIT_INVALID
  }
  const run = new RunCollector()
  const wrong = await readEvents(events, run.add)
  if (wrong > 0)
    stderr.write(`${events}: ${wrong} ${wrong === 1 ? 'line is no event' : 'lines are no events'}\n`)
  await writeReports(run, await readManifest(bundle), { directory: bundle, ...also })
  if (isJson === true) stdout.write(resultJson(run))
  else stdout.write(`report: ${join(bundle, 'report.html')}\n${totalsText(run.totals)}\n`)
  return EXIT_OK
}

/** Null when it is not there or is something else: the report then lacks versions, and nothing more. */
async function readManifest(bundle: string): Promise<Manifest | null> {
  try {
    const found = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8'))
    const isManifest =
      typeof found?.began === 'string' &&
      typeof found.backend === 'string' &&
      typeof found.productVersion === 'string' &&
      Array.isArray(found.nodes)
    return isManifest ? (found as Manifest) : null
  } catch {
    return null
  }
}
