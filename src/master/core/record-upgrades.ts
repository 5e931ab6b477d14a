/**
 * Records as earlier releases wrote them, with the fields that those did not know. What is filled in is what such a release
 * did: its volumes had no paths but the primary's, and no NVMe. A record that has a field keeps it, whatever is in it; the
 * schema judges the result.
 */

/** `addresses.nvme`: none. */
export function upgradeServer(value: unknown): unknown {
  if (!isObject(value) || !isObject(value.addresses)) return value
  return { ...value, addresses: { nvme: [], ...value.addresses } }
}

/** No clone, no multipath, no publications or none with secrets, no rules for NVMe hosts, and slots in the order of the replicas. */
export function upgradeVolume(value: unknown): unknown {
  if (!isObject(value)) return value
  return {
    isMultipath: false,
    origin: null,
    madeOf: madeOf(value.origin),
    accessVersion: 0,
    ...value,
    publications: upgradePublications(value.publications),
    ...(isObject(value.access) ? { access: upgradeAccess(value.access) } : {}),
    ...(Array.isArray(value.replicas) ? { replicas: upgradeReplicas(value.replicas) } : {}),
  }
}

/** A clone that was still filled then is known to be one. */
const madeOf = (origin: unknown): unknown =>
  isObject(origin) ? { volume: origin.volume, snapshot: origin.snapshot } : null

/** What servers keep of a volume, as of version 4: slots are given anew when none are known. */
export function upgradeKept(value: unknown): unknown {
  if (!isObject(value) || ![1, 2, 3].some((version) => version === value.version)) return value
  return { slots: [], ...(upgradeVolume(value) as Fields) }
}

const upgradeAccess = (access: Fields): Fields => ({ hosts: null, dhchap: [], ...access })

const upgradePublications = (publications: unknown): unknown =>
  Array.isArray(publications)
    ? publications.map((one) => (isObject(one) ? { dhchap: null, ...one } : one))
    : (publications ?? [])

/** All of them or none: slots came with one release. */
function upgradeReplicas(replicas: readonly unknown[]): readonly unknown[] {
  if (replicas.some((replica) => isObject(replica) && replica.slot !== undefined)) return replicas
  return replicas.map((replica, slot) => (isObject(replica) ? { ...replica, slot } : replica))
}

interface Fields {
  readonly [name: string]: unknown
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
