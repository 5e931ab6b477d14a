/** `npm run docs:actions`: writes docs/scenario-actions.md from the table of actions. */
import { writeFile } from 'node:fs/promises'
import type { ActionCatalog } from '../model/action-spec.ts'
import { actionsMarkdown, describeActions } from './describe-actions.ts'

export const ACTIONS_PAGE = new URL('../../docs/scenario-actions.md', import.meta.url)

export async function writeActionsPage(catalog: ActionCatalog): Promise<void> {
  await writeFile(ACTIONS_PAGE, actionsMarkdown(describeActions(catalog)))
}
