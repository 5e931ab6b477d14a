/** manifest.json: what a run was made with. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import type { ValueMap } from '../model/value.ts'

const GIT_MS_MAX = 5000
const run = promisify(execFile)

export interface RunFacts {
  /** Of the product. */
  readonly productVersion: string
  /** Of the sources; null when they are in no repository. */
  readonly git: GitState | null
  readonly node: string
  readonly kernel: string
  readonly backend: string
  /** Computers of the ssh backend; empty elsewhere. */
  readonly nodes: readonly string[]
  /** Anything else, e.g. the command line. */
  readonly facts: ValueMap
}

export interface ManifestFile {
  /** As events name it. */
  readonly scenario: string
  /** As it was read. */
  readonly path: string
  /** Within the bundle. */
  readonly copy: string
  readonly sha256: string
}

export interface Manifest extends RunFacts {
  readonly version: 1
  readonly runId: string
  /** ISO 8601, UTC. */
  readonly began: string
  readonly files: readonly ManifestFile[]
}

export interface GitState {
  readonly commit: string
  /** Tracked files differ from it. */
  readonly isDirty: boolean
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Of the sources in `directory`. Null without git or a repository. */
export async function gitState(directory: string): Promise<GitState | null> {
  const options = { cwd: directory, timeout: GIT_MS_MAX }
  try {
    const { stdout } = await run('git', ['rev-parse', 'HEAD'], options)
    const changed = await run('git', ['status', '--porcelain', '--untracked-files=no'], options)
    return { commit: stdout.trim(), isDirty: changed.stdout.trim() !== '' }
  } catch {
    // no git, no repository, or one that takes too long: the manifest says that it is not known
    return null
  }
}
