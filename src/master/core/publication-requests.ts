/**
 * Publishing volumes to nodes, and taking that back, as changes of the records. That a node is let in, or shut out, is
 * for servers to say afterwards (rules-confirmed.ts).
 */
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseNqn } from '../../base/names.ts'
import { withRules } from '../jobs/volume-edits.ts'
import type { PublishWish } from '../master-api.ts'
import type { PublicationRecord, SealedDhchap, VolumeRecord } from '../records.ts'
import { KEPT_LENGTH_MAX, keptOf } from './kept-volume.ts'
import { findMadeVolume, findVolume, refusal } from './lookup.ts'
import type { Change, RecordsView } from './records-view.ts'
import { auditEvent, type RequestContext, refuseWhileFilled } from './volume-requests.ts'

/** Decrypts a secret; throws as `Sealer.open`. */
export type Unseal = (sealed: string) => string

/**
 * The UUID of the volume. The same again changes nothing, but that another secret takes the place of the one before.
 * CONFLICT as `MasterApi.publishVolume`; INVALID_ARGUMENT for names that are none.
 */
export function publishVolume(
  records: RecordsView,
  name: string,
  wish: PublishWish,
  { caller, wallMs, unseal }: Pick<RequestContext, 'caller' | 'wallMs'> & { readonly unseal: Unseal },
): Change<string> {
  const wished = publicationOf(wish, wallMs)
  const volume = findMadeVolume(records, name)
  refuseWhileFilled(records, volume)
  const there = volume.publications.find(({ node }) => node === wished.node)
  if (there !== undefined && isSame(there, wished)) {
    if (isSameSecret(there.dhchap, wished.dhchap, unseal)) return { writes: [], result: volume.uuid }
  } else if (there !== undefined) {
    throw refusal(
      'CONFLICT',
      'published_differently',
      `volume ${volume.name} is published to ${there.node} with other names or in another way; unpublish it there first`,
    )
  }
  const others = volume.publications.filter((one) => one !== there)
  refuseOthers(volume, others, wished)
  const changed = withPublications(volume, [
    ...others,
    there === undefined ? wished : { ...wished, since: there.since },
  ])
  if (keptOf(changed).text.length > KEPT_LENGTH_MAX) {
    throw refusal(
      'INVALID_ARGUMENT',
      'access_too_long',
      'the names and secrets are more than servers keep beside a replica (64 KiB); publish it to fewer nodes',
    )
  }
  const event = auditEvent(caller, {
    kind: 'volume.published',
    volume: volume.uuid,
    message: `volume ${volume.name} is published to ${wished.node}${wished.isReadOnly ? ', read-only' : ''}`,
  })
  return { writes: [{ kind: 'volume', record: changed }], events: [event], result: volume.uuid }
}

/** The UUID of the volume; no change when it is not published there. Also while it is being deleted. */
export function unpublishVolume(
  records: RecordsView,
  name: string,
  node: string,
  { caller }: Pick<RequestContext, 'caller'>,
): Change<string> {
  const volume = findVolume(records, name)
  const left = volume.publications.filter((one) => one.node !== node)
  if (left.length === volume.publications.length) return { writes: [], result: volume.uuid }
  const event = auditEvent(caller, {
    kind: 'volume.unpublished',
    volume: volume.uuid,
    message: `volume ${volume.name} is not published to ${node} any more`,
  })
  return {
    writes: [{ kind: 'volume', record: withPublications(volume, left) }],
    events: [event],
    result: volume.uuid,
  }
}

const withPublications = (volume: VolumeRecord, publications: readonly PublicationRecord[]): VolumeRecord =>
  withRules(volume, { publications: publications.toSorted((a, b) => (a.node < b.node ? -1 : 1)) })

function publicationOf(wish: PublishWish, wallMs: number): PublicationRecord {
  const initiator = wish.initiator === null ? null : parseIscsiName(wish.initiator, 'initiator')
  const host = wish.host === null ? null : parseNqn(wish.host, 'host')
  if (initiator === null && host === null) {
    throw refusal(
      'INVALID_ARGUMENT',
      'nobody_named',
      'give "initiator", the IQN of the node, or "host", its NQN, or both',
    )
  }
  const { node, dhchap, isReadOnly, isShared } = wish
  if (dhchap !== null && host === null) {
    throw refusal('INVALID_ARGUMENT', 'dhchap_host', 'give "host", the NQN of the node, with its secret')
  }
  return { node, initiator, host, dhchap, isReadOnly, isShared, since: wallMs }
}

const isSame = (a: PublicationRecord, b: PublicationRecord): boolean =>
  a.initiator === b.initiator &&
  a.host === b.host &&
  (a.dhchap === null) === (b.dhchap === null) &&
  a.isReadOnly === b.isReadOnly &&
  a.isShared === b.isShared

/** One that cannot be opened any more, for want of its key, is another one. */
function isSameSecret(a: SealedDhchap | null, b: SealedDhchap | null, unseal: Unseal): boolean {
  if (a === null || b === null) return a === b
  const text = (sealed: string | null): string | null => (sealed === null ? null : unseal(sealed))
  try {
    return (
      text(a.sealedSecret) === text(b.sealedSecret) &&
      text(a.sealedControllerSecret) === text(b.sealedControllerSecret)
    )
  } catch {
    return false
  }
}

function refuseOthers(
  volume: VolumeRecord,
  others: readonly PublicationRecord[],
  wished: PublicationRecord,
): void {
  const other = others.find(({ isShared }) => !isShared || !wished.isShared)
  if (other !== undefined) {
    throw new BlockError(
      'CONFLICT',
      `volume ${volume.name} is published to ${other.node}; unpublish it there first, or publish it to both as shared`,
      { facts: { reason: 'published_elsewhere', node: other.node } },
    )
  }
  // whoever is shut out under one node's name would come in under the other's
  const twin = others.find(
    ({ initiator, host }) =>
      (initiator !== null && initiator === wished.initiator) ||
      (host !== null && host.toLowerCase() === wished.host?.toLowerCase()),
  )
  if (twin !== undefined) {
    throw new BlockError(
      'CONFLICT',
      `volume ${volume.name} is published to ${twin.node} with the same name of an initiator or host; nodes need names of their own`,
      { facts: { reason: 'name_in_use', node: twin.node } },
    )
  }
  // where one host is asked for a secret, no host without one is let in
  const odd = others.find(
    ({ host, dhchap }) =>
      host !== null && wished.host !== null && (dhchap === null) !== (wished.dhchap === null),
  )
  if (odd === undefined) return
  const [given, lacking] = odd.dhchap === null ? [wished.node, odd.node] : [odd.node, wished.node]
  throw new BlockError(
    'CONFLICT',
    `volume ${volume.name}: with a DH-HMAC-CHAP secret for ${given} and none for ${lacking}, ${lacking} would be shut out; give both one, or none`,
    { facts: { reason: 'secrets_mixed', node: odd.node } },
  )
}
