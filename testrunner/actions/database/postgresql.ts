/** A PostgreSQL whose data directory is on a mounted volume. It never runs as root: its own user does. */
import type { Machine, Program } from '../../backends/backend.ts'
import type { ActionContext } from '../action.ts'
import { type Mount, tool } from '../files/mounts.ts'
import { couldNot } from '../shared/failures.ts'
import { until } from '../shared/until.ts'

const USER = 'postgres'
const asUser = (...command: readonly string[]): readonly string[] => ['runuser', '-u', USER, '--', ...command]

export class PostgreSql {
  readonly machine: Machine
  readonly #binaries: string
  readonly #data: string
  readonly #port: number
  #program: Program | undefined
  /** Transactions that clients were told are committed. */
  acknowledged = 0

  private constructor(machine: Machine, options: { binaries: string; data: string; port: number }) {
    this.machine = machine
    this.#binaries = options.binaries
    this.#data = options.data
    this.#port = options.port
  }

  /** Makes the data directory below the mount; it does not run yet. */
  static async make(context: ActionContext, { machine, path }: Mount): Promise<PostgreSql> {
    const find = 'ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1'
    const binaries = (await tool(context, machine, ['sh', '-c', find])).stdout.trim()
    const [port] = await machine.ports(1)
    if (binaries === '' || port === undefined) throw couldNot(`${machine.name} has no PostgreSQL`)
    const data = `${path}/postgresql`
    await tool(context, machine, ['install', '-d', '-o', USER, '-m', '0700', data])
    await tool(context, machine, asUser(`${binaries}/initdb`, '-D', data, '-A', 'trust'))
    return new PostgreSql(machine, { binaries, data, port })
  }

  /** Resolves when it takes connections, after whatever it has to recover. */
  async start(context: ActionContext): Promise<void> {
    const where = ['-D', this.#data, '-p', `${this.#port}`]
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories='].flatMap((one) => ['-c', one])
    const program = await this.machine.spawn(asUser(`${this.#binaries}/postgres`, ...where, ...settings), {
      asRoot: true,
    })
    this.#program = program
    let isOver = false
    void program.exited.then(() => {
      isOver = true
    })
    await until(context, 'PostgreSQL to take connections', async () => {
      if (isOver) throw couldNot('PostgreSQL ended', program.stderrTail().slice(-2000))
      const { code, stdout } = await this.machine.run([`${this.#binaries}/pg_isready`, ...this.#to])
      return code === 0 ? { is: true } : { not: stdout.trim() }
    })
  }

  get isRunning(): boolean {
    return this.#program !== undefined
  }

  /** All of its processes at once, as a crash of the machine would. */
  async kill(): Promise<void> {
    const program = this.#program
    this.#program = undefined
    if (program === undefined) return
    await program.signal('SIGKILL')
    await program.exited
  }

  /** One of PostgreSQL's own clients, to its end. */
  async client(context: ActionContext, name: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await tool(context, this.machine, [
      `${this.#binaries}/${name}`,
      ...this.#to,
      '-U',
      USER,
      ...args,
    ])
    return stdout
  }

  get #to(): readonly string[] {
    return ['-h', '127.0.0.1', '-p', `${this.#port}`]
  }
}
