/**
 * What jobs need of the rest of the master. Everything that a job decides comes from records and from what servers said;
 * everything that it does goes through here, after it was recorded.
 */
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { Leads } from '../core/cluster.ts'
import type { LiveCluster } from '../core/live.ts'
import type { RecordStore, RecordsView } from '../core/records-view.ts'
import type { ServerLinks } from '../links.ts'
import type { VolumeRecord } from '../records.ts'

/** A server for one more replica, or why there is none. */
type Choice =
  | { readonly kind: 'server'; readonly server: string }
  | { readonly kind: 'none'; readonly why: string }

/** A replica to be made: in the place of a lost one, or because there are fewer than the volume should have. */
interface Replacement {
  readonly volume: string
  readonly lost: string | null
  readonly to: string
}

/** Placement, as jobs ask it: pure questions to the records and to what servers said. */
export interface Planner {
  /** Where one more replica of the volume goes. `leaving`: the server whose replica it takes the place of. */
  another(
    records: RecordsView,
    live: LiveCluster,
    volume: VolumeRecord,
    leaving: string | null,
    except: readonly string[],
  ): Choice
  /** What is to be replaced now, and by which servers; nothing while it may be a failure of the network. */
  replacements(records: RecordsView, live: LiveCluster, nowMs: number): readonly Replacement[]
}

export interface JobPorts {
  readonly store: RecordStore
  readonly links: ServerLinks
  readonly live: LiveCluster
  readonly leads: Leads
  readonly planner: Planner
  readonly clock: Clock
  readonly random: Random
  /** Opens what the cluster's secrets key closed. */
  readonly unseal: (sealed: string) => string
  readonly log: Logger
}
