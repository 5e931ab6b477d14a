import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

interface Report {
  readonly modules: readonly {
    readonly source: string
    readonly dependencies: readonly { resolved: string }[]
  }[]
  readonly summary: { readonly violations: readonly { readonly rule: { readonly name: string } }[] }
}

/** Runs the cruiser as `npm run check:imports` does and returns its report, also when it found violations. */
function cruise(...paths: string[]): Report {
  const command = 'node_modules/.bin/depcruise'
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...paths]
  try {
    return JSON.parse(execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 })) as Report
  } catch (error) {
    return JSON.parse((error as { stdout: string }).stdout) as Report
  }
}

describe('the import checker', () => {
  const intruder = mkdtempSync(join('src', 'base', 'intruder-'))
  afterAll(() => rmSync(intruder, { recursive: true, force: true }))

  it('sees every module of src, with its imports', () => {
    const seen = new Map(cruise('src').modules.map((module) => [module.source, module]))
    const files = globSync('src/**/*.ts').filter((file) => !file.includes('intruder-'))
    expect(files.length).toBeGreaterThan(15)
    for (const file of files) expect(seen.has(file), file).toBe(true)
    expect(seen.get('src/base/crc32c.test.ts')?.dependencies.map((d) => d.resolved)).toContain(
      'src/base/crc32c.ts',
    )
  })

  it('reports an import against the arrows, and one of node:fs in a core', () => {
    mkdirSync(join(intruder, 'deep'))
    writeFileSync(join(intruder, 'deep', 'a.ts'), "import 'node:fs'\nimport '../../../io/clock.ts'\n")
    const names = cruise('src').summary.violations.map((violation) => violation.rule.name)
    expect(names).toContain('base-imports')
    expect(names).toContain('cores-touch-no-io')
  })
})
