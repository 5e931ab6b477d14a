/**
 * Exclusive locks by the mere existence of files, for where the kernel's locks do not work. Beside `path` lie
 * `path.1`, `path.2` …: generations of the lock. The highest decides: the process it names has the lock, unless it
 * is empty (released) or its process is gone. Taking the lock means making the next generation, which `link` does
 * for one taker only, with its content whole.
 *
 * While a holder lives nobody gets above its generation: who saw it, is refused; who looked before it was there,
 * makes a generation that exists already or a lower one, and looks again before it believes. A holder removes
 * lower generations; its own file stays when it releases, so that numbers never go back.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type Holder, inUse, runningHolder, thisProcess } from './lock-holder.ts'
import { isSystemError } from './system-error.ts'

/** How often to look again when others take and release the lock at the same time. */
const ATTEMPTS_MAX = 20

/** Takes the lock; IN_USE when a running process has it. Resolves to the path of this holder's generation. */
export async function takeGeneration(path: string): Promise<string> {
  const unique = `${path}.${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    await fs.writeFile(unique, JSON.stringify(await thisProcess()), { flag: 'wx', mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const highest = (await generations(path)).at(-1) ?? 0
      const holder = await runningHolder(`${path}.${highest}`)
      if (holder !== undefined) throw inUse(path, holder)
      const own = highest + 1
      if ((await linkNew(unique, `${path}.${own}`)) && (await isHighest(path, own))) return `${path}.${own}`
    }
    throw inUse(path, undefined)
  } finally {
    await fs.rm(unique, { force: true })
  }
}

/** Gives up the generation that `takeGeneration` resolved to. */
export async function releaseGeneration(generation: string): Promise<void> {
  await fs.truncate(generation, 0)
}

/** The running process that has the lock in this way. */
export async function generationHolder(path: string): Promise<Holder | undefined> {
  const highest = (await generations(path)).at(-1)
  return highest === undefined ? undefined : await runningHolder(`${path}.${highest}`)
}

/** Whether nobody was quicker; then lower generations are removed, else the own one. */
async function isHighest(path: string, own: number): Promise<boolean> {
  const present = await generations(path)
  const isOurs = present.at(-1) === own
  const obsolete = isOurs ? present.slice(0, -1) : [own]
  await Promise.all(obsolete.map((generation) => fs.rm(`${path}.${generation}`, { force: true })))
  return isOurs
}

/** Numbers of the generations present, rising. */
async function generations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`
  const numbers: number[] = []
  for (const name of await fs.readdir(dirname(path))) {
    if (name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(name.slice(prefix.length))) {
      numbers.push(Number(name.slice(prefix.length)))
    }
  }
  return numbers.sort((a, b) => a - b)
}

/** False when there is a file of the new name. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to)
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  }
}
