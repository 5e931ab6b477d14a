import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const read = (path: string): string => readFileSync(path, 'utf8')

describe('the documents', () => {
  it('name only files that there are', () => {
    const architecture = read('ARCHITECTURE.md')
    const paths = architecture.match(/`(?:src|test|docs|bench)\/[^`\s]*`|`\.[a-z-]+\.cjs`/g) ?? []
    expect(paths.length).toBeGreaterThan(40)
    for (const path of paths) expect(existsSync(path.replaceAll('`', '')), path).toBe(true)
    const folders = architecture.match(/^ {4}(?:src|test|bench)\/\S*/gm) ?? []
    expect(folders.length).toBeGreaterThan(8)
    for (const folder of folders) expect(existsSync(folder.trim()), folder).toBe(true)
    expect(architecture.split('\n').length).toBeLessThan(250)
  })

  it('give a reason for exactly the dependencies that there are', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
    const rows = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| (\S.*) \|$/gm)]
    expect(rows.map(([, name]) => name).sort()).toEqual(
      [...Object.keys(dependencies ?? {}), ...Object.keys(devDependencies ?? {})].sort(),
    )
  })
})
