/**
 * Each `.txt` beside this file is a replica's life: events, `----`, the effects in the order in which they are carried
 * out. `UPDATE_TRANSCRIPTS=1 npx vitest run test/golden/v2engine` writes what is the case now; review the difference.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Script } from './script.ts'
import { showEffects } from './show.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const RULE = '----'

/** The transcript with the effects that its events have now. */
function replay(text: string): string {
  const self = /^self (\w+)$/m.exec(text)?.[1] ?? 'a'
  const script = new Script(self)
  const blocks = text.trimEnd().split(/\n\n+/)
  return `${blocks.map((block) => replayBlock(script, block)).join('\n\n')}\n`
}

function replayBlock(script: Script, block: string): string {
  const [asked] = block.split(`\n${RULE}`)
  const shown: string[] = []
  let isShown = false
  for (const line of asked!.split('\n')) {
    if (line.startsWith('#') || line.startsWith('self ')) continue
    const isSilent = line.startsWith('. ')
    const effects = script.run(isSilent ? line.slice(2) : line)
    if (isSilent || line.startsWith('at ')) continue
    isShown = true
    for (const one of effects) shown.push(...showEffects(one))
  }
  return isShown ? [asked, RULE, ...(shown.length === 0 ? ['nothing'] : shown)].join('\n') : asked!
}

describe('transcripts of the replication engine', () => {
  const files = globSync('*.txt', { cwd: FOLDER }).sort()

  it('are all there', () => {
    expect(files.length).toBeGreaterThanOrEqual(25)
  })

  it.each(files)('%s', (file) => {
    const path = `${FOLDER}${file}`
    const text = readFileSync(path, 'utf8')
    const now = replay(text)
    if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(path, now)
    else expect(now).toBe(text)
  })
})
