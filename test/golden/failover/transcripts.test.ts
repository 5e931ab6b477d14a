/**
 * Each `.txt` beside this file is the life of a volume's lead: events, `----`, what is recorded, told and noted.
 * `UPDATE_TRANSCRIPTS=1 npx vitest run test/golden/failover` writes what is the case now; review the difference.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Script } from './script.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const RULE = '----'

function replay(text: string): string {
  const script = new Script()
  const blocks = text.trimEnd().split(/\n\n+/)
  return `${blocks.map((block) => replayBlock(script, block)).join('\n\n')}\n`
}

function replayBlock(script: Script, block: string): string {
  const [asked = ''] = block.split(`\n${RULE}`)
  const shown: string[] = []
  let isShown = false
  for (const line of asked.split('\n')) {
    if (line.startsWith('#')) continue
    const isSilent = line.startsWith('. ')
    const lines = script.run(isSilent ? line.slice(2) : line)
    if (isSilent || /^(at|volume|may|replicas|forget)\b/.test(line)) continue
    isShown = true
    shown.push(...lines)
  }
  return isShown ? [asked, RULE, ...(shown.length === 0 ? ['nothing'] : shown)].join('\n') : asked
}

describe('transcripts of who leads', () => {
  const files = globSync('*.txt', { cwd: FOLDER }).sort()

  it('are all there', () => {
    expect(files.length).toBeGreaterThanOrEqual(12)
  })

  it.each(files)('%s', (file) => {
    const path = `${FOLDER}${file}`
    const text = readFileSync(path, 'utf8')
    const now = replay(text)
    if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(path, now)
    else expect(now).toBe(text)
  })
})
