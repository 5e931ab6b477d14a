/**
 * The folder of a run. events.jsonl is written as things happen, and everything else that tells of the run can be made of it
 * again, so a run that was killed has its report too.
 *
 * An event is written at once, in one system call: it costs microseconds, and nothing is lost with the process. What is on
 * disk after a power cut is only sure after `finish`.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { EventSink, RunEvent } from '../model/event.ts'
import type { SourceFile } from '../model/scenario.ts'
import { ArtifactNames, safePath } from './artifact-names.ts'
import { type ArtifactLimits, Artifacts, type KeptArtifact } from './artifacts.ts'
import { RunCollector, type Totals } from './collect.ts'
import { type Manifest, type ManifestFile, type RunFacts, sha256 } from './manifest.ts'
import { type WrittenReports, writeReports } from './write-reports.ts'

export interface BundleOptions {
  /** The folder in which bundles are. */
  readonly directory: string
  /** `[a-z0-9-]`, in the name of the folder. */
  readonly runId: string
  /** Since 1970. */
  readonly beganMs: number
  readonly facts: RunFacts
  /** Each scenario has a folder of its own. */
  readonly hasSeveral: boolean
  readonly limits?: ArtifactLimits
}

export class RunBundle {
  /** Of the run. */
  readonly path: string
  readonly #options: BundleOptions
  readonly #artifacts: Artifacts
  readonly #folders = new ArtifactNames()
  readonly #folderOf = new Map<string, string>()
  readonly #collector = new RunCollector()
  #files: readonly ManifestFile[] = []
  #events: number | null
  #writeError: unknown = null

  private constructor(path: string, events: number, options: BundleOptions) {
    this.path = path
    this.#events = events
    this.#options = options
    this.#artifacts = new Artifacts(path, options.limits)
  }

  /** Rejects, with what the file system says, when the folder is there already or cannot be made. */
  static async open(options: BundleOptions): Promise<RunBundle> {
    const path = join(options.directory, bundleName(options.beganMs, options.runId))
    await mkdir(path)
    const bundle = new RunBundle(path, openSync(join(path, 'events.jsonl'), 'ax'), options)
    await bundle.#writeManifest()
    return bundle
  }

  /** Of events; what cannot be written is told by `finish`. */
  readonly sink: EventSink = (event: RunEvent): void => {
    this.#collector.add(event)
    if (this.#events === null || this.#writeError !== null) return
    try {
      const line = Buffer.from(`${JSON.stringify(event)}\n`)
      for (let at = 0; at < line.length; ) at += writeSync(this.#events, line, at)
    } catch (error) {
      this.#writeError = error
    }
  }

  get totals(): Totals {
    return this.#collector.totals
  }

  /** Copies the files of a scenario; `scenario`: as events name it. */
  async addScenario(scenario: string, files: readonly SourceFile[]): Promise<void> {
    const folder = this.#folder(scenario)
    const names = new ArtifactNames()
    const added: ManifestFile[] = []
    for (const [at, { path, text }] of files.entries()) {
      const copy = `${folder}${names.claim(at === 0 ? 'scenario.yaml' : `parts/${basename(path)}`)}`
      await mkdir(dirname(join(this.path, copy)), { recursive: true })
      await writeFile(join(this.path, copy), text, { flag: 'wx' })
      added.push({ scenario, path, copy, sha256: sha256(text) })
    }
    this.#files = [...this.#files, ...added]
    await this.#writeManifest()
  }

  /** Under `artifacts/`. Null when there is no room left for any of it. */
  saveArtifact(
    scenario: string,
    path: string,
    content: string | Uint8Array,
    about: string,
  ): Promise<KeptArtifact | null> {
    return this.#artifacts.save(`${this.#folder(scenario)}artifacts/`, path, content, about)
  }

  /** Writes what is made of the events. Rejects when something could not be written, of the events too. */
  async finish(also: Partial<WrittenReports> = {}): Promise<void> {
    if (this.#events !== null) {
      const events = this.#events
      this.#events = null
      try {
        fsyncSync(events)
      } finally {
        closeSync(events)
      }
    }
    await writeReports(this.#collector, this.#manifest(), { directory: this.path, ...also })
    if (this.#writeError !== null) throw this.#writeError
  }

  /** Empty, or ends with a slash. */
  #folder(scenario: string): string {
    if (!this.#options.hasSeveral) return ''
    let folder = this.#folderOf.get(scenario)
    if (folder === undefined) {
      folder = `${this.#folders.claim(safePath(scenario.replaceAll('/', '-')))}/`
      this.#folderOf.set(scenario, folder)
    }
    return folder
  }

  #manifest(): Manifest {
    const { beganMs, runId, facts } = this.#options
    return { version: 1, runId, began: new Date(beganMs).toISOString(), ...facts, files: this.#files }
  }

  async #writeManifest(): Promise<void> {
    const path = join(this.path, 'manifest.json')
    await writeFile(`${path}.new`, `${JSON.stringify(this.#manifest(), null, 2)}\n`)
    await rename(`${path}.new`, path)
  }
}

/** `20261122-074305-ID`, in UTC. */
const bundleName = (beganMs: number, runId: string): string =>
  `${new Date(beganMs).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}-${safePath(runId)}`
