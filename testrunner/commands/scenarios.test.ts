import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { CATALOG } from '../actions/all.ts'
import { diskFiles } from '../reading/disk-files.ts'
import { listScenarios } from '../reading/read-scenario.ts'
import { validateCommand } from './validate.ts'

const folder = relative(process.cwd(), fileURLToPath(new URL('../../scenarios', import.meta.url)))

it('every scenario of the project is valid in every variant', async () => {
  const told: string[] = []
  const ports = { catalog: CATALOG, files: diskFiles, outputWidth: undefined }
  const code = await validateCommand(
    { paths: [folder], variables: {}, isJson: false },
    { ...ports, out: (text) => void told.push(text), err: (text) => void told.push(text) },
  )
  expect(told.filter((line) => !line.includes(': valid, '))).toEqual([expect.stringMatching(/ 0 invalid\n$/)])
  expect(code).toBe(0)
})

it('no two scenarios prove the same', async () => {
  const proves = (await listScenarios(folder, diskFiles)).map((head) => head.proves)
  expect(new Set(proves).size).toBe(proves.length)
})
