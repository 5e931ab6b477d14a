import { describe, expect, it } from 'vitest'
import { realDisk, useScratch } from '../../test/blockvol/scratch.ts'
import { codeOf } from '../io/test-support.ts'
import { MARKS_BYTES_MAX, MarksFile } from './marks-file.ts'

describe('the marks of a replica', () => {
  const scratch = useScratch()
  async function directory(): Promise<string> {
    const path = scratch.next()
    await realDisk.makeDirectory(path)
    return path
  }
  const read = async (path: string): Promise<string | undefined> => {
    const file = await MarksFile.open(realDisk, path)
    await file.close()
    return file.stored === undefined ? undefined : Buffer.from(file.stored).toString()
  }

  it('are not there until they are first saved', async () => {
    const path = await directory()
    expect(await read(path)).toBeUndefined()
    expect(await realDisk.list(path)).toEqual([])
  })

  it('are those that were saved last, over any number of openings', async () => {
    const path = await directory()
    for (let i = 0; i < 5; i++) {
      const file = await MarksFile.open(realDisk, path)
      await Promise.all([file.save(Buffer.from(`first ${i}`)), file.save(Buffer.from(`second ${i}`))])
      await file.close()
      expect(await read(path)).toBe(`second ${i}`)
    }
    const file = await MarksFile.open(realDisk, path)
    await file.save(new Uint8Array(MARKS_BYTES_MAX).fill(65))
    await file.close()
    expect((await read(path))?.length).toBe(MARKS_BYTES_MAX)
  })

  it('are not there when the making of their file was cut short, and can be saved then', async () => {
    const path = await directory()
    const cut = await realDisk.open(`${path}/marks.new`, { create: 'new' })
    await cut.write([Uint8Array.of(1, 2, 3)], 128 * 1024)
    await cut.close()
    expect(await read(path)).toBeUndefined()
    const file = await MarksFile.open(realDisk, path)
    await file.save(Buffer.from('one'))
    await file.save(Buffer.from('two'))
    await file.close()
    expect(await read(path)).toBe('two')
    expect(await realDisk.list(path)).toEqual(['marks'])
  })

  it('are the last ones when a slot is damaged, never older ones; none are made up when both are', async () => {
    const path = await directory()
    const file = await MarksFile.open(realDisk, path)
    await file.save(Buffer.from('one'))
    await file.save(Buffer.from('two'))
    await file.close()
    const raw = await realDisk.open(`${path}/marks`, { create: 'never' })
    await raw.write([Uint8Array.of(9)], 33)
    expect(await read(path)).toBe('two')
    await raw.write([Uint8Array.of(9)], 128 * 1024 + 33)
    await raw.close()
    expect(await codeOf(MarksFile.open(realDisk, path))).toBe('CORRUPT')
  })
})
