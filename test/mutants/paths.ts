/**
 * Known bugs of the paths by which hosts come, and of the reservations that go with them. Each must be caught by the cluster
 * simulator or by one of its directed scenarios.
 */
import type { Mutant } from './catalogue.ts'

export const PATH_MUTANTS: readonly Mutant[] = [
  {
    name: 'connection-kept-across-epochs',
    about: 'connections of a volume that is not led here any more are left open',
    patches: [
      {
        file: 'src/iscsi/target/target-node.ts',
        find: '    this.#unsubscribe()\n    await this.reset(reason)\n',
        replace: '    this.#unsubscribe()\n    void reason\n',
      },
    ],
  },
  {
    name: 'standby-not-read-empty',
    about: 'a standby path that turns active carries out what was sent to it before',
    patches: [
      {
        file: 'src/iscsi/session/session.ts',
        find: '    this.#move = { unit, observer, tag: this.#ping(), done: resolve }\n',
        replace: '    this.#endMove({ unit, observer, tag: this.#ping(), done: resolve })\n',
      },
    ],
  },
  {
    name: 'reservation-before-admission',
    about: 'a write is checked against reservations when it comes, and not where it gets its LSN',
    patches: [
      {
        file: 'src/iscsi/scsi/lun.ts',
        find: "if (reservations.inForce && reservations.conflicts(nexus.registrant, 'write')) {",
        replace: 'if (nexus === undefined || reservations === undefined) {',
      },
    ],
  },
  {
    name: 'lent-state-kept',
    about: 'a replica keeps the bytes of what front ends stored that it was lent',
    patches: [
      {
        file: 'src/blockvol/state-keeper.ts',
        find: 'const copyOf = (lent: Uint8Array): Uint8Array => Uint8Array.from(lent)',
        replace: 'const copyOf = (lent: Uint8Array): Uint8Array => lent',
      },
    ],
  },
  {
    name: 'reservations-of-power-loss',
    about: 'registrations that did not ask to persist end with a failover',
    patches: [
      {
        file: 'src/frontend/records.ts',
        find: "after === 'power-loss' && !stored.reservations.persistent",
        replace: '(after as string).length > 0',
      },
    ],
  },
]
