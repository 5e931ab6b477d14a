/** What the engine of a replica noted, as log lines. */
import type { ErrorFacts } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Note } from '../../v2engine/effects.ts'

/** Somebody has to look at some of them; the rest is the course of things. */
export function logNote(logger: Logger, volume: string, note: Note): void {
  const event = `replica.${snake(note.kind)}`
  const facts = { volume, ...factsOf(note) }
  switch (note.kind) {
    case 'identityMissing':
    case 'epochTwice':
    case 'aheadOfPrimary':
    case 'diverged':
    case 'lostDurable':
    case 'poisoned':
      logger.error(event, facts)
      return
    case 'protocol':
      logger.warn(event, facts)
      return
    case 'planned':
    case 'setChanged':
    case 'grade':
      logger.info(event, facts)
      return
  }
}

function factsOf(note: Note): ErrorFacts {
  switch (note.kind) {
    case 'poisoned':
      return {}
    case 'identityMissing':
      return { server: note.server }
    case 'epochTwice':
      return { server: note.server, epoch: note.epoch.number, id: note.epoch.id, otherId: note.other.id }
    case 'aheadOfPrimary':
      return { server: note.server, ...proofOf(note) }
    case 'planned':
      return { server: note.server, session: note.session.id, ...proofOf(note) }
    case 'diverged':
      return { server: note.server, lsn: note.lsn }
    case 'lostDurable':
      return { server: note.server, had: note.had, has: note.has }
    case 'protocol':
      return { server: note.server, what: note.what }
    case 'setChanged':
      return { version: note.version, members: note.members.join(' ') }
    case 'grade':
      return { server: note.server, grade: note.grade }
  }
}

const proofOf = ({ proof }: Extract<Note, { readonly kind: 'planned' | 'aheadOfPrimary' }>): ErrorFacts => ({
  ...proof,
})

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
