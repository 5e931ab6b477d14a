/** A real Prometheus, as Debian packages it, as a child process; and promtool. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const START_MS = 30_000
const ANSWER_MS = 20_000
const PROGRAM = '/usr/bin/prometheus'
const PROMTOOL = '/usr/bin/promtool'

/** Prometheus is not there: how to get it. */
export const missing = (): string | undefined =>
  [PROGRAM, PROMTOOL].every((path) => existsSync(path)) ? undefined : 'apt-get install -y prometheus'

export interface ScrapeJob {
  readonly job: string
  /** `HOST:PORT`. */
  readonly targets: readonly string[]
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  /** Seconds since 1970, and a number as text. */
  readonly values: readonly (readonly [number, string])[]
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export class Prometheus {
  readonly #url: string
  readonly #child: ChildProcess
  readonly startedSeconds = Date.now() / 1000

  private constructor(url: string, child: ChildProcess) {
    this.#url = url
    this.#child = child
  }

  /** Serves when the promise resolves. It ends with `stop`, and with this process. */
  static async start(options: {
    readonly directory: string
    readonly port: number
    readonly jobs: readonly ScrapeJob[]
    readonly rules: string
    /** Of scrapes and of rules. */
    readonly interval: string
  }): Promise<Prometheus> {
    const { directory, port, jobs, rules, interval } = options
    const config = join(directory, 'prometheus.json')
    writeFileSync(config, JSON.stringify(configOf({ jobs, rules, interval })))
    const child = spawn(
      PROGRAM,
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child)
    process.once('exit', () => child.kill('SIGKILL'))
    const untilMs = Date.now() + START_MS
    for (;;) {
      if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`)
      const answer = await fetch(`${prometheus.#url}/-/ready`).catch(() => undefined)
      if (answer?.ok === true) return prometheus
      if (Date.now() > untilMs) throw new Error('prometheus does not get ready')
      await delay(100)
    }
  }

  /** What `expr` was at each second since the start; an error that says what is wrong with it. */
  async history(expr: string): Promise<readonly Series[]> {
    const query = {
      query: expr,
      start: String(this.startedSeconds),
      end: String(Date.now() / 1000),
      step: '1',
    }
    const { result } = await this.#get<{ result: readonly Series[] }>(
      `query_range?${new URLSearchParams(query)}`,
    )
    return result
  }

  async alerts(): Promise<readonly Alert[]> {
    return (await this.#get<{ alerts: readonly Alert[] }>('alerts')).alerts
  }

  /** What rules could not be evaluated, and why. */
  async ruleErrors(): Promise<readonly string[]> {
    type Rule = { name: string; health: string; lastError?: string }
    const { groups } = await this.#get<{ groups: readonly { rules: readonly Rule[] }[] }>('rules')
    return groups
      .flatMap(({ rules }) => rules)
      .flatMap(({ name, health, lastError }) =>
        health === 'ok' ? [] : [`${name}: ${health} ${lastError ?? ''}`],
      )
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await ended
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}`, { signal: AbortSignal.timeout(ANSWER_MS) })
    const body = (await answer.json()) as { status: string; error?: string; data: T }
    if (body.status !== 'success') throw new Error(body.error ?? `status ${answer.status}`)
    return body.data
  }
}

/** JSON is YAML. */
const configOf = (options: {
  readonly jobs: readonly ScrapeJob[]
  readonly rules: string
  readonly interval: string
}): object => ({
  global: { scrape_interval: options.interval, evaluation_interval: options.interval },
  rule_files: [options.rules],
  scrape_configs: options.jobs.map(({ job, targets }) => ({
    job_name: job,
    scrape_timeout: options.interval,
    static_configs: [{ targets }],
  })),
})

/** Output of `promtool ARGS`; throws what it says when it fails. */
export async function promtool(...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(PROMTOOL, args)
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`)
  }
}
