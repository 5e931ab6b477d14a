/** What the commands that run scenarios are told. */
import { BlockError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/log.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import type { Net } from '../../src/base/ports/net.ts'
import type { Random } from '../../src/base/ports/random.ts'
import { BACKENDS, type BackendName } from '../backends/backend.ts'
import { TIERS, type Tier, type Variables } from '../model/scenario.ts'

export interface RunOptions {
  readonly paths: readonly string[]
  readonly backend: BackendName
  /** File with the computers of the ssh backend. */
  readonly nodes: string | undefined
  readonly variables: Variables
  /** `all`, or a name; undefined: the default one, or with `isCi` those of the CI set. */
  readonly variant: string | undefined
  readonly tier: Tier | undefined
  readonly isCi: boolean
  readonly isJson: boolean
  readonly junit: string | undefined
  readonly html: string | undefined
  readonly baseline: string | undefined
  /** Folder for bundles. */
  readonly output: string
  readonly isKept: boolean
}

interface Output {
  write(text: string): unknown
}

export interface RunnerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly net: Net
  readonly logger: Logger
  readonly version: string
  readonly stdout: Output & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Output
  /** Calls back at each Ctrl-C until what it returns is called. */
  onInterrupt(listener: () => void): () => void
}

export function parseBackend(text: string | undefined): BackendName {
  const found = BACKENDS.find((name) => name === (text ?? 'local'))
  if (found !== undefined) return found
  throw new BlockError('INVALID_ARGUMENT', `--backend: there are ${BACKENDS.join(', ')}`)
}

export function parseTier(text: string | undefined): Tier | undefined {
  if (text === undefined) return undefined
  const found = TIERS.find((name) => name === text)
  if (found !== undefined) return found
  throw new BlockError('INVALID_ARGUMENT', `--tier: there are ${TIERS.join(', ')}`)
}
