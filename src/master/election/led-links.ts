/**
 * The way to servers of a master that has to lead for it: what it says while its leadership is not certain is dropped, as a
 * message is that finds no stream, and a call fails as one does that found nobody. Whatever mattered is said again by who
 * leads then.
 */
import { BlockError } from '../../base/errors.ts'
import type { ServerLinks } from '../links.ts'

export function ledLinks(links: ServerLinks, leadershipMs: () => number): ServerLinks {
  const isLeading = (): boolean => leadershipMs() > 0
  const call = async (make: () => Promise<void>): Promise<void> => {
    if (isLeading()) return make()
    throw new BlockError('DISCONNECTED', 'this master does not know whether it still leads', {
      facts: { reason: 'not_leader' },
    })
  }
  return {
    send: (server, message) => {
      if (isLeading()) links.send(server, message)
    },
    allocate: (server, request) => call(() => links.allocate(server, request)),
    remove: (server, request) => call(() => links.remove(server, request)),
    expand: (server, request) => call(() => links.expand(server, request)),
  }
}
