import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CATALOG } from '../actions/all.ts'
import { resolveTemplates } from '../model/template.ts'
import { readScenario } from '../reading/read-scenario.ts'
import { memoryFiles } from '../reading/test-support.ts'
import { actionsMarkdown, describeActions } from './describe-actions.ts'

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const page = read('scenarios.md')
const [example = '', part = ''] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text ?? '')

const readText = async (text: string, variant: string) =>
  await readScenario({
    ...{ path: 'scenarios/a.yaml', name: 'a', variables: {}, variant, catalog: CATALOG },
    files: memoryFiles({ 'scenarios/a.yaml': text, 'scenarios/_part.yaml': part }),
  })

describe('docs/scenarios.md', () => {
  it('has an example that is valid in both variants', async () => {
    for (const variant of ['default', 'nvme']) {
      const result = await readText(example, variant)
      expect(result).not.toHaveProperty('problems')
      if (!('scenario' in result)) return
      const attach = result.scenario.phases[0]?.steps[1]?.arguments ?? {}
      expect(resolveTemplates(attach, {})).toMatchObject({ transport: variant === 'nvme' ? 'nvme' : 'iscsi' })
    }
  })

  it('has a part that can be included', async () => {
    const text = 'proves: x\nphases: [{name: a, include: _part.yaml, include_params: {size: 1MiB}}]'
    expect(await readText(text, 'default')).toMatchObject({ scenario: { phases: [{ name: 'a: volume' }] } })
  })

  it.each([
    ...['proves', 'phases', 'fault', 'tier', 'timeout', 'needs', 'vars', 'variants', 'ci', 'topology'],
    ...['servers', 'masters', 'hosts', 'zones', 'server_flags', 'master_flags', 'disks'],
    ...['name', 'actions', 'always', 'parallel', 'repeat', 'aggregate', 'trim_pct'],
    ...['action', 'id', 'save_as', 'because_of', 'retry', 'ignore_error'],
  ])('has a row for %s', (key) => {
    expect(page).toMatch(new RegExp(`^\\| \`${key}\` +\\| `, 'm'))
  })
})

describe('docs/scenario-actions.md', () => {
  it('is what npm run docs:actions writes', () => {
    expect(read('scenario-actions.md')).toBe(actionsMarkdown(describeActions(CATALOG)))
  })
})
