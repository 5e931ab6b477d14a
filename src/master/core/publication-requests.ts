/**
 * Publishing volumes to nodes, and taking that back, as changes of the records. That a node is let in, or shut out, is
 * for servers to say afterwards (rules-confirmed.ts).
 */
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseNqn } from '../../base/names.ts'
import { withRules } from '../jobs/volume-edits.ts'
import type { PublishWish } from '../master-api.ts'
import type { PublicationRecord, VolumeRecord } from '../records.ts'
import { KEPT_LENGTH_MAX, keptOf } from './kept-volume.ts'
import { findMadeVolume, findVolume, refusal } from './lookup.ts'
import type { Change, RecordsView } from './records-view.ts'
import { auditEvent, type RequestContext, refuseWhileFilled } from './volume-requests.ts'

/** The UUID of the volume. CONFLICT as `MasterApi.publishVolume`; INVALID_ARGUMENT for names that are none. */
export function publishVolume(
  records: RecordsView,
  name: string,
  wish: PublishWish,
  { caller, wallMs }: Pick<RequestContext, 'caller' | 'wallMs'>,
): Change<string> {
  const wished = publicationOf(wish, wallMs)
  const volume = findMadeVolume(records, name)
  refuseWhileFilled(records, volume)
  const there = volume.publications.find(({ node }) => node === wished.node)
  if (there !== undefined) {
    if (isSame(there, wished)) return { writes: [], result: volume.uuid }
    throw refusal(
      'CONFLICT',
      'published_differently',
      `volume ${volume.name} is published to ${there.node} with other names or in another way; unpublish it there first`,
    )
  }
  refuseOthers(volume, wished)
  const changed = withPublications(volume, [...volume.publications, wished])
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
  const { node, isReadOnly, isShared } = wish
  return { node, initiator, host, isReadOnly, isShared, since: wallMs }
}

const isSame = (a: PublicationRecord, b: PublicationRecord): boolean =>
  a.initiator === b.initiator &&
  a.host === b.host &&
  a.isReadOnly === b.isReadOnly &&
  a.isShared === b.isShared

function refuseOthers(volume: VolumeRecord, wished: PublicationRecord): void {
  const other = volume.publications.find(({ isShared }) => !isShared || !wished.isShared)
  if (other !== undefined) {
    throw new BlockError(
      'CONFLICT',
      `volume ${volume.name} is published to ${other.node}; unpublish it there first, or publish it to both as shared`,
      { facts: { reason: 'published_elsewhere', node: other.node } },
    )
  }
  // whoever is shut out under one node's name would come in under the other's
  const twin = volume.publications.find(
    ({ initiator, host }) =>
      (initiator !== null && initiator === wished.initiator) ||
      (host !== null && host.toLowerCase() === wished.host?.toLowerCase()),
  )
  if (twin === undefined) return
  throw new BlockError(
    'CONFLICT',
    `volume ${volume.name} is published to ${twin.node} with the same name of an initiator or host; nodes need names of their own`,
    { facts: { reason: 'name_in_use', node: twin.node } },
  )
}
