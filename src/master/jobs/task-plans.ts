/**
 * What a job has a server do, as it may be kept and compared: by names, without secrets. It becomes a specification when the
 * call is made, from the records as they are then.
 */
import { BlockError } from '../../base/errors.ts'
import type { KeepRules, RepositorySpec, TaskSpec } from '../../rpc/tasks.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { LedVolume, ServerLinks } from '../links.ts'
import type { RepositoryRecord } from '../records.ts'

export type TaskPlan =
  /** Filled from a snapshot that `server` leads the volume of. */
  | {
      readonly kind: 'hydrate'
      readonly from: { readonly server: string; readonly led: LedVolume; readonly snapshot: string }
    }
  | {
      readonly kind: 'backup'
      readonly repository: string
      readonly snapshot: string
      readonly name: string
      readonly full: boolean
    }
  | {
      readonly kind: 'restoreBackup' | 'verifyBackup' | 'deleteBackup'
      readonly repository: string
      readonly backup: string
    }
  | {
      readonly kind: 'pruneBackups'
      readonly repository: string
      readonly volume: string | null
      readonly keep: KeepRules
      readonly dryRun: boolean
    }
  | {
      readonly kind: 'listBackups'
      readonly repository: string
      readonly volume: string | null
      readonly backup: string | null
      readonly after: string | null
      readonly limit: number
    }
  | { readonly kind: 'checkRepository'; readonly repository: string }
  | { readonly kind: 'scrub'; readonly repair: boolean }

export interface SpecPorts {
  readonly links: Pick<ServerLinks, 'openImage'>
  /** Opens what the cluster's secrets key closed. */
  readonly unseal: (sealed: string) => string
}

/** The specification for `task` (UUID), with secrets. NOT_FOUND: the repository or the server is not known any more. */
export async function specOf(
  task: string,
  plan: TaskPlan,
  records: RecordsView,
  { links, unseal }: SpecPorts,
): Promise<TaskSpec> {
  switch (plan.kind) {
    case 'hydrate': {
      const { server, led, snapshot } = plan.from
      const address = records.server(server)?.addresses.grpc
      if (address === undefined) throw notThere(`server ${server}`)
      const { ticket } = await links.openImage(server, { ...led, snapshot, reader: task })
      return { kind: 'hydrate', origin: { address, ticket } }
    }
    case 'scrub':
      return plan
    default: {
      const record = records.repository(plan.repository)
      if (record === undefined) throw notThere(`repository ${plan.repository}`)
      return { ...plan, repository: repositorySpec(record, unseal) }
    }
  }
}

const notThere = (what: string): BlockError => new BlockError('NOT_FOUND', `${what} is not there any more`)

function repositorySpec(
  { target, sealedEncryptionKey }: RepositoryRecord,
  unseal: SpecPorts['unseal'],
): RepositorySpec {
  const encryption = sealedEncryptionKey === null ? null : { keyHex: unseal(sealedEncryptionKey) }
  if (target.kind === 'directory') return { ...target, encryption }
  const { sealedSecretAccessKey, sealedSessionToken, ...same } = target
  return {
    ...same,
    secretAccessKey: unseal(sealedSecretAccessKey),
    sessionToken: sealedSessionToken === null ? null : unseal(sealedSessionToken),
    encryption,
  }
}
