/**
 * A running Node process seen through its inspector: the target is measured as it is, with nothing built in for it.
 * The process was started with `--inspect` (`INSPECTED`) and says on standard error where its inspector listens.
 */
import type { BasaltProcess } from '../../test/e2e/target/support/process.ts'

/** Environment that makes a Node process open its inspector on a free port of the loopback interface. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Time of one function itself, without those that it called. */
export interface HotSpot {
  readonly name: string
  readonly ms: number
}

const SAMPLING_US = 200

export class Inspector {
  readonly #socket: WebSocket
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#answered(JSON.parse(String(data))))
    socket.addEventListener('close', () => {
      for (const call of this.#calls.values()) call.reject(new Error('the inspector closed'))
    })
  }

  static async attach(child: BasaltProcess): Promise<Inspector> {
    const url = await child.line('stderr', (line) => /ws:\/\/\S+/.exec(line)?.[0])
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', reject, { once: true })
    })
    return new Inspector(socket)
  }

  /** The value of a JavaScript expression in the process; JSON only. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.#call('Runtime.evaluate', {
      expression,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string } }
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`)
    return result.value
  }

  /** Where the main thread spends its time during `body`, the greatest first; idle time is left out. */
  async hotSpots(body: () => Promise<void>): Promise<HotSpot[]> {
    await this.#call('Profiler.enable')
    await this.#call('Profiler.setSamplingInterval', { interval: SAMPLING_US })
    await this.#call('Profiler.start')
    await body()
    const { profile } = (await this.#call('Profiler.stop')) as { profile: CpuProfile }
    await this.#call('Profiler.disable')
    return hotSpotsOf(profile)
  }

  close(): void {
    this.#socket.close()
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId
    const call = Promise.withResolvers<unknown>()
    this.#calls.set(id, call)
    this.#socket.send(JSON.stringify({ id, method, params }))
    return call.promise
  }

  #answered({ id, result, error }: { id?: number; result?: unknown; error?: { message: string } }): void {
    const call = id === undefined ? undefined : this.#calls.get(id)
    if (id === undefined || call === undefined) return
    this.#calls.delete(id)
    if (error === undefined) call.resolve(result)
    else call.reject(new Error(error.message))
  }
}

function hotSpotsOf({ nodes, samples, timeDeltas }: CpuProfile): HotSpot[] {
  const names = new Map<number, string>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    const file = url.replace(/^.*\/src\//, '').replace('file://', '')
    const name = functionName === '' ? '(anonymous)' : functionName
    // Node's own bindings, the checksum library and koffi; of the latter V8 shows all functions under one name.
    const isNative = file === '' && !name.startsWith('(')
    names.set(id, file === '' ? `${name}${isNative ? ' (native)' : ''}` : `${name} ${file}:${lineNumber + 1}`)
  }
  const totals = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)'
    totals.set(name, (totals.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000)
  }
  return [...totals]
    .filter(([name]) => name !== '(idle)')
    .map(([name, ms]) => ({ name, ms }))
    .sort((a, b) => b.ms - a.ms)
}
