import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkReportFiles, makeOutput } from './outputs.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'basalt-outputs-'))
  await writeFile(join(directory, 'file'), 'of the user')
})
afterEach(() => rm(directory, { recursive: true }))

const at = (path: string): string => join(directory, path)
const refusal = (message: string | RegExp) => ({
  code: 'INVALID_ARGUMENT',
  message: expect.stringMatching(message),
})

describe('the folder for bundles', () => {
  it('is made with those above it, and may be there', async () => {
    for (const _ of [1, 2]) await makeOutput(at('a/b/c'))
    expect((await stat(at('a/b/c'))).isDirectory()).toBe(true)
    await Promise.all([makeOutput(at('d/e')), makeOutput(at('d/e'))])
  })

  it('is refused when a file is in its way', async () => {
    await expect(makeOutput(at('file'))).rejects.toMatchObject(
      refusal(/^--output: .*file cannot be used: .*file is not/),
    )
    await expect(makeOutput(at('file/below/it'))).rejects.toMatchObject(
      refusal(/it cannot be used: .*file is not a folder$/),
    )
  })

  it('is refused at once where there can be none', async () => {
    await expect(makeOutput('/proc/x/y')).rejects.toMatchObject(
      refusal(/^--output: \/proc\/x\/y cannot be used: no folder can be made in \/proc \(\w+\)$/),
    )
  })
})

describe('files for reports', () => {
  it('may be there or not, and are left as they are', async () => {
    await checkReportFiles({ junit: at('file'), html: at('page.html') })
    await checkReportFiles({})
    expect(await readdir(directory)).toEqual(['file'])
  })

  it('are refused where they could not be written', async () => {
    await mkdir(at('folder'))
    const told: readonly (readonly [string, RegExp])[] = [
      ['none/x.xml', /^--junit: .*x\.xml cannot be used: there is no folder .*none$/],
      ['file/x.xml', /^--junit: .* there is no folder .*file$/],
      ['folder', /^--junit: .*folder cannot be used: it is a folder$/],
    ]
    for (const [path, message] of told) {
      await expect(checkReportFiles({ junit: at(path) })).rejects.toMatchObject(refusal(message))
    }
    await expect(checkReportFiles({ html: '/proc/x.html' })).rejects.toMatchObject(
      refusal(/^--html: .* no file can/),
    )
    expect(await readdir(directory)).toEqual(['file', 'folder'])
  })
})
