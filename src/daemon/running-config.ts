/**
 * The configuration that a daemon runs with. When it is read again, the daemon takes over the settings that can change
 * while it serves, and who may use it; the rest waits for a restart.
 */
import type { Logger } from '../base/log.ts'
import type { AccessConfig } from '../config/access-config.ts'
import type { CommonSettings, LogLevel } from '../config/common-settings.ts'
import type { ConfigChanges } from '../config/resolve-settings.ts'

/** What the configuration of every daemon has. */
interface DaemonConfig {
  readonly settings: CommonSettings
  readonly access?: AccessConfig
}

export interface RunningConfigOptions<Config> {
  readonly compare: (running: Config, read: Config) => ConfigChanges
  readonly setLogLevel: (level: LogLevel) => void
  readonly logger: Logger
}

export class RunningConfig<Config extends DaemonConfig> {
  readonly #options: RunningConfigOptions<Config>
  #current: Config

  constructor(config: Config, options: RunningConfigOptions<Config>) {
    this.#options = options
    this.#current = config
  }

  get current(): Config {
    return this.#current
  }

  /** Takes over from `read` what can change while serving. `apply` makes the daemon follow; `current` is new by then. */
  reload(read: Config, apply?: (changes: ConfigChanges) => void): ConfigChanges {
    const { compare, setLogLevel, logger } = this.#options
    const changes = compare(this.#current, read)
    const settings = withChanges(this.#current.settings, read.settings, changes)
    this.#current = { ...this.#current, settings, access: read.access }
    setLogLevel(settings['log-level'])
    apply?.(changes)
    logger.info('config.reloaded', {
      applied: changes.applied.join(' '),
      needRestart: changes.needRestart.join(' '),
    })
    return changes
  }
}

/** The settings that run, with those of `read` that are taken over. */
function withChanges<Settings extends object>(
  running: Settings,
  read: Settings,
  { applied }: ConfigChanges,
): Settings {
  const taken = Object.entries(read).filter(([name]) => applied.includes(name))
  return { ...running, ...Object.fromEntries(taken) }
}
