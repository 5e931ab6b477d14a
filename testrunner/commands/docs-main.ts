/** `npm run docs:actions`: writes docs/scenario-actions.md from the table of actions. */
import { writeFile } from 'node:fs/promises'
import { CATALOG } from '../actions/all.ts'
import { actionsMarkdown, describeActions } from './describe-actions.ts'

const PAGE = new URL('../../docs/scenario-actions.md', import.meta.url)

await writeFile(PAGE, actionsMarkdown(describeActions(CATALOG)))
