/** Checks as the harness reads them, and the guest's tools. */
import { spawn } from 'node:child_process'

/** Runs `work`; what it throws is the failure. False when it failed. */
export async function check(name: string, work: () => Promise<unknown>): Promise<boolean> {
  const beganMs = performance.now()
  try {
    await work()
    process.stdout.write(`@pass ${name}\n`)
    return true
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stdout.write(`@fail ${name}\n`)
    for (const line of text.split('\n').slice(0, 8)) process.stdout.write(`@note ${line}\n`)
    return false
  } finally {
    note(`${name}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
  }
}

/** A check without which the rest makes no sense. */
export async function need(name: string, work: () => Promise<unknown>): Promise<void> {
  if (!(await check(name, work))) throw new Error(`${name}: the scenario cannot go on`)
}

export const note = (text: string): void => void process.stdout.write(`${text}\n`)

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`)
}

/** Output of a command that ends with 0. */
export function tool(name: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (output += text))
    child.on('error', reject)
    child.on('close', (code) => {
      note(`+ ${name} ${args.join(' ')} (status ${code})\n${output.trimEnd()}`)
      if (code === 0) resolve(output)
      else reject(new Error(`${name} ${args.join(' ')} ended with ${code}: ${output}`))
    })
  })
}
