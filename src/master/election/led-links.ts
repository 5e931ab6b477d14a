/**
 * The way to servers of a master that has to lead for it: what it says while its leadership is not certain is dropped, as a
 * message is that finds no stream, and a call fails as one does that found nobody. Whatever mattered is said again by who
 * leads then.
 */
import { BlockError } from '../../base/errors.ts'
import type { ServerLinks } from '../links.ts'

export function ledLinks(links: ServerLinks, leadershipMs: () => number): ServerLinks {
  const isLeading = (): boolean => leadershipMs() > 0
  const led =
    <Request, Answer>(make: (server: string, request: Request) => Promise<Answer>) =>
    async (server: string, request: Request): Promise<Answer> => {
      if (isLeading()) return await make(server, request)
      throw new BlockError('DISCONNECTED', 'this master does not know whether it still leads', {
        facts: { reason: 'not_leader' },
      })
    }
  return {
    send: (server, message) => {
      if (isLeading()) links.send(server, message)
    },
    allocate: led((server, request) => links.allocate(server, request)),
    remove: led((server, request) => links.remove(server, request)),
    expand: led((server, request) => links.expand(server, request)),
    createSnapshot: led((server, request) => links.createSnapshot(server, request)),
    deleteSnapshot: led((server, request) => links.deleteSnapshot(server, request)),
    restoreSnapshot: led((server, request) => links.restoreSnapshot(server, request)),
    snapshotUsage: led((server, request) => links.snapshotUsage(server, request)),
    exposeSnapshot: led((server, request) => links.exposeSnapshot(server, request)),
    setOrigin: led((server, request) => links.setOrigin(server, request)),
    holdWrites: led((server, request) => links.holdWrites(server, request)),
    releaseWrites: led((server, request) => links.releaseWrites(server, request)),
    openImage: led((server, request) => links.openImage(server, request)),
    startTask: led((server, request) => links.startTask(server, request)),
    task: led((server, request) => links.task(server, request)),
    cancelTask: led((server, request) => links.cancelTask(server, request)),
  }
}
