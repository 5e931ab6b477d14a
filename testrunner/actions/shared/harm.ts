/** Harm that is on: for gates, which forgive what happens under it, and for the report's timeline. */
import type { Daemon } from '../../cluster/cluster.ts'
import type { ActionContext } from '../action.ts'

/** What a daemon is that was killed or stopped, until it is started again. */
export const isDown = ({ name }: Pick<Daemon, 'name'>): string => `${name} down`

export function beginHarm({ world, mark }: Pick<ActionContext, 'world' | 'mark'>, what: string): void {
  world.harm.begin(what)
  mark(what, true)
}

/** No error when it was not on. */
export function endHarm({ world, mark }: Pick<ActionContext, 'world' | 'mark'>, what: string): void {
  if (world.harm.end(what)) mark(what, false)
}
