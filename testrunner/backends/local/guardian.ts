/**
 * A shell that outlives the runner by a moment: when the pipe from the runner ends, however the runner died, it kills the
 * programs that the runner had started and undoes what else it was told, then ends. A clean end dismisses it first.
 */
import { type ChildProcess, spawn } from 'node:child_process'

const SCRIPT = `
pids=' '
undo=''
while IFS= read -r line; do
  case $line in
    +*) pids="$pids\${line#+} " ;;
    -*) one=\${line#-}; pids="\${pids%% "$one" *} \${pids#* "$one" }" ;;
    \\!*) undo="\${line#\\!}
$undo" ;;
    dismissed) exit 0 ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid"; done
sleep 0.2
eval "$undo"
`

export class Guardian {
  readonly #shell: ChildProcess
  readonly #ended: Promise<void>

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    // without a shell nothing is lost but the quick end: the next place finds what is left
    this.#ended = new Promise((resolve) => {
      this.#shell.once('exit', () => resolve()).once('error', () => resolve())
    })
    this.#shell.stdin?.on('error', () => undefined)
    this.#shell.unref()
  }

  get pid(): number | undefined {
    return this.#shell.pid
  }

  /** `pid` leads a process group that is to be killed. */
  watch(pid: number): void {
    this.#tell(`+${pid}`)
  }

  /** It has ended, and another may get its number. */
  forget(pid: number): void {
    this.#tell(`-${pid}`)
  }

  /** A command of the shell, one line, done after the programs are gone; the last one told first. */
  undo(command: string): void {
    this.#tell(`!${command}`)
  }

  async dismiss(): Promise<void> {
    this.#shell.ref()
    this.#tell('dismissed')
    this.#shell.stdin?.end()
    await this.#ended
  }

  #tell(line: string): void {
    if (this.#shell.stdin?.writable === true) this.#shell.stdin.write(`${line}\n`)
  }
}

/** One word of a shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
