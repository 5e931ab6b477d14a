import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../..', import.meta.url).pathname

async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const pairs = files.map(async (file) => [file.slice(folder.length), await readFile(file, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(pairs))
}

describe('generated code', () => {
  it('is what proto/ says: run npm run gen', { timeout: 30_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'basalt-gen-'))
    try {
      const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
      const [command = '', ...args] = scripts.gen.replace('--outDir=src/gen', `--outDir=${folder}`).split(' ')
      await promisify(execFile)(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT })
      expect(await filesIn(folder)).toEqual(await filesIn(join(ROOT, 'src/gen')))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
