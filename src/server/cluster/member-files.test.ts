import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realPorts, temporaryDirectory } from '../../../test/e2e/target/support/volume.ts'
import { MemberFiles } from './member-files.ts'

const { disk } = realPorts()
let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())
const open = (): Promise<MemberFiles> => MemberFiles.open(disk, directory.path)

describe('what a member of a cluster keeps', () => {
  it('is nothing at first, and what was stored after a start', async () => {
    const files = await open()
    expect([files.registrySeen, files.isInMaintenance]).toEqual([null, false])
    await files.sawRegistry({ id: 'r1', seq: Number.MAX_SAFE_INTEGER })
    await files.setMaintenance(true)
    const again = await open()
    expect(again.registrySeen).toEqual({ id: 'r1', seq: Number.MAX_SAFE_INTEGER })
    expect(again.isInMaintenance).toBe(true)
  })

  it('only rises for one registry, and begins anew for another', async () => {
    const files = await open()
    await files.sawRegistry({ id: 'r1', seq: 9 })
    await files.sawRegistry({ id: 'r1', seq: 8 })
    expect(files.registrySeen).toEqual({ id: 'r1', seq: 9 })
    await files.sawRegistry({ id: 'r2', seq: 1 })
    expect((await open()).registrySeen).toEqual({ id: 'r2', seq: 1 })
  })

  it.each([
    ['{', 'CORRUPT'],
    ['{"version":1,"id":"x","seq":-1}', 'CORRUPT'],
    ['null', 'CORRUPT'],
    ['{"version":2}', 'UNKNOWN_FORMAT'],
  ])('is refused when it is %s: %s', async (text, code) => {
    writeFileSync(`${directory.path}/registry.json`, text)
    await expect(open()).rejects.toMatchObject({ code, message: expect.stringContaining('registry.json') })
    expect(readFileSync(`${directory.path}/registry.json`, 'utf8')).toBe(text)
  })
})
