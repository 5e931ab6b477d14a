/** What the program itself says that it has, against what was run: a command that nobody walks fails here. */
import { COMMANDS, NOUNS } from '../../../../src/cli/commands/all.ts'
import type { Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

/** What no description lists: daemons, which the cases start, and the program's own. */
const OTHERS = [
  ...['target', 'server', 'master', 'dev', 'cluster init', 'cluster certify', 'completion', 'version'],
  // run by suites of their own: test/e2e/dev, bench/iscsi.ts, test/conformance/csi, testrunner/e2e
  ...['start', 'bench', 'csi', 'run', 'scenario'],
]

export async function walkedAll(scene: Scene): Promise<void> {
  const { cli } = scene
  for (const form of ['human', 'json'] as const) {
    await scene.check(`every command was run with success, ${form}`, async () => {
      const missing = cli.notWalked(form)
      expect(missing.length === 0, `without a case: ${missing.join(', ')}`)
    })
  }
  await scene.check('the program has no other commands than these', async () => {
    const known = new Set([...COMMANDS.map(({ words }) => words.join(' ')), ...OTHERS])
    for (const { words } of NOUNS) known.add(words.join(' '))
    const found = await cli.offers('')
    for (const noun of NOUNS) {
      found.push(...(await cli.offers(...noun.words, '')).map((word) => `${noun.words.join(' ')} ${word}`))
    }
    const unknown = found.filter((words) => !known.has(words))
    expect(unknown.length === 0, `neither walked nor known: ${unknown.join(', ')}`)
    const lost = [...known].filter((words) => !found.includes(words))
    expect(lost.length === 0, `not offered by completion: ${lost.join(', ')}`)
  })
}
