/** `basalt scenario actions`: what the steps of a scenario may do. */
import { printable } from '../../src/base/names.ts'
import { suggest } from '../../src/config/suggest.ts'
import { actionText, describeActions } from './describe-actions.ts'
import { EXIT_INVALID, EXIT_OK, type ReadingPorts } from './ports.ts'

export interface ActionsOptions {
  /** Only this one; undefined for all. */
  readonly name: string | undefined
  readonly isJson: boolean
}

/** Resolves with 0, or 2 when no action has the name. */
export async function actionsCommand(
  { name, isJson }: ActionsOptions,
  ports: Pick<ReadingPorts, 'catalog' | 'out' | 'err'>,
): Promise<number> {
  const { catalog } = ports
  if (name !== undefined && !catalog.has(name)) {
    const near = suggest(name.slice(0, 80), catalog.keys())
    const hint = near === undefined ? "'basalt scenario actions' shows all" : `did you mean '${near}'?`
    ports.err(`there is no action '${printable(name)}'; ${hint}\n`)
    return EXIT_INVALID
  }
  const actions = describeActions(catalog).filter((action) => name === undefined || action.name === name)
  ports.out(
    isJson
      ? `${JSON.stringify(name === undefined ? actions : actions[0], null, 2)}\n`
      : actions.map(actionText).join('\n'),
  )
  return EXIT_OK
}
