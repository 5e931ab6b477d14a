/**
 * The disk program on a machine: its one file is put there, and run by the product's Node as it is. The command line of the
 * product would do it too, and takes most of a minute to start where the CPU is emulated.
 */
import { readFile } from 'node:fs/promises'
import type { Machine } from '../../backends/backend.ts'

const SOURCE = new URL('./disk-program.ts', import.meta.url)
/** By its name a module, whatever is around it. */
const FILE = 'disk-program.mts'

export class InstalledDiskProgram {
  readonly #machine: Machine
  #path: Promise<string> | undefined

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** What serves `device`. */
  async command(device: string): Promise<readonly string[]> {
    this.#path ??= this.#install()
    const program = JSON.stringify(`file://${await this.#path}`)
    const script = `import(${program}).then((it) => it.runDiskProgram(process.argv[1], process.stdin, process.stdout))
      .catch((error) => { console.error(error.message); process.exitCode = 1 })`
    return [...this.#machine.node, '--input-type=module', '-e', script, device]
  }

  async #install(): Promise<string> {
    const path = this.#machine.path('hosts', FILE)
    await this.#machine.putFile(path, await readFile(SOURCE))
    return path
  }
}
