/** Whom a volume lets in: the names of its own lists, and those of the nodes that it is published to. Pure. */
import type { AccessRecord, VolumeRecord } from '../records.ts'

type Rules = Pick<VolumeRecord, 'access' | 'publications'>

const cache = new WeakMap<Rules, AccessRecord>()

/** A volume that is published is for whom it is published to: a list that was never made is an empty one then. */
export function effectiveAccess(volume: Rules): AccessRecord {
  const { access, publications } = volume
  if (publications.length === 0) return access
  const known = cache.get(volume)
  if (known !== undefined) return known
  const made = {
    ...access,
    initiators: together(
      access.initiators,
      publications.map(({ initiator }) => initiator),
    ),
    hosts: together(
      access.hosts,
      publications.map(({ host }) => host),
    ),
    dhchap: withPublished(access.dhchap, publications),
  }
  cache.set(volume, made)
  return made
}

/** The secret of a node that it is published to stands for one that its own list has for the same host. */
function withPublished(
  list: AccessRecord['dhchap'],
  publications: VolumeRecord['publications'],
): AccessRecord['dhchap'] {
  const published = publications.flatMap(({ host, dhchap }) =>
    host === null || dhchap === null ? [] : [{ host, ...dhchap }],
  )
  const names = new Set(published.map(({ host }) => host.toLowerCase()))
  return [...list.filter(({ host }) => !names.has(host.toLowerCase())), ...published]
}

function together(list: readonly string[] | null, published: readonly (string | null)[]): readonly string[] {
  return [...new Set([...(list ?? []), ...published.filter((name) => name !== null)])]
}
