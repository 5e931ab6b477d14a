/** Names of files in a bundle. What actions and machines call them never leads out of the bundle, nor over another file. */

const PARTS_MAX = 6
const PART_CHARS_MAX = 80

/** `[A-Za-z0-9._-]` parts, none of which is empty or begins with a dot. */
export function safePath(wanted: string): string {
  const parts = wanted.split('/').filter((part) => part !== '' && part !== '.')
  const kept = parts.slice(-PARTS_MAX).map(safePart)
  return kept.length === 0 ? 'unnamed' : kept.join('/')
}

const safePart = (part: string): string =>
  part
    .replace(/[^A-Za-z0-9._@-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, PART_CHARS_MAX)

export class ArtifactNames {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()

  /** A path that nobody else has, `wanted` as far as that goes. */
  claim(wanted: string): string {
    const path = safePath(wanted)
    for (let count = 1; ; count++) {
      const candidate = count === 1 ? path : numbered(path, count)
      if (this.#isFree(candidate)) return this.#take(candidate)
    }
  }

  /** File systems may not tell upper and lower case apart. */
  #isFree(path: string): boolean {
    const folded = path.toLowerCase()
    return (
      !this.#files.has(folded) &&
      !this.#folders.has(folded) &&
      !foldersOf(folded).some((folder) => this.#files.has(folder))
    )
  }

  #take(path: string): string {
    const folded = path.toLowerCase()
    this.#files.add(folded)
    for (const folder of foldersOf(folded)) this.#folders.add(folder)
    return path
  }
}

/** The first part gets the number when there are several, so that a file in the way of a folder is evaded. */
function numbered(path: string, count: number): string {
  const [first, ...rest] = path.split('/')
  if (rest.length > 0) return [`${first}-${count}`, ...rest].join('/')
  const dot = first!.lastIndexOf('.')
  return dot <= 0 ? `${first}-${count}` : `${first!.slice(0, dot)}-${count}${first!.slice(dot)}`
}

const foldersOf = (path: string): readonly string[] => {
  const parts = path.split('/')
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))
}
