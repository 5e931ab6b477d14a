/**
 * Transcripts: files of blocks, each with events, `----`, and what followed from them. `UPDATE_TRANSCRIPTS=1` writes what is
 * the case now; review the difference.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const RULE = '----'

export interface Transcripts {
  readonly title: string
  /** Of the files, with a slash at its end. */
  readonly folder: string
  /** At least so many files there are. */
  readonly filesMin: number
  /** A script for this text: runs one event, and returns the lines that follow from it. */
  readonly begin: (text: string) => (event: string) => readonly string[]
  /** Lines that only set the scene: nothing is shown of them. */
  readonly isSetting: (line: string) => boolean
  /** Lines that the script does not hear. */
  readonly isSkipped?: (line: string) => boolean
}

/** Registers the tests of a folder of transcripts. */
export function testTranscripts({ title, folder, filesMin, ...options }: Transcripts): void {
  describe(title, () => {
    const files = globSync('*.txt', { cwd: folder }).sort()

    it('are all there', () => {
      expect(files.length).toBeGreaterThanOrEqual(filesMin)
    })

    it.each(files)('%s', (file) => {
      const path = `${folder}${file}`
      const text = readFileSync(path, 'utf8')
      const now = replay(text, options)
      if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(path, now)
      else expect(now).toBe(text)
    })
  })
}

type Replaying = Pick<Transcripts, 'begin' | 'isSetting' | 'isSkipped'>

/** The transcript with what follows from its events now. */
function replay(text: string, options: Replaying): string {
  const run = options.begin(text)
  const blocks = text.trimEnd().split(/\n\n+/)
  return `${blocks.map((block) => replayBlock(block, run, options)).join('\n\n')}\n`
}

function replayBlock(block: string, run: ReturnType<Transcripts['begin']>, options: Replaying): string {
  const [asked = ''] = block.split(`\n${RULE}`)
  const shown: string[] = []
  let isShown = false
  for (const line of asked.split('\n')) {
    if (line.startsWith('#') || options.isSkipped?.(line) === true) continue
    const isSilent = line.startsWith('. ')
    const lines = run(isSilent ? line.slice(2) : line)
    if (isSilent || options.isSetting(line)) continue
    isShown = true
    shown.push(...lines)
  }
  return isShown ? [asked, RULE, ...(shown.length === 0 ? ['nothing'] : shown)].join('\n') : asked
}
