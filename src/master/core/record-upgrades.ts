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

/** No clone, no multipath, no rules for NVMe hosts, and slots in the order of the replicas. */
export function upgradeVolume(value: unknown): unknown {
  if (!isObject(value)) return value
  return {
    isMultipath: false,
    origin: null,
    ...value,
    ...(isObject(value.access) ? { access: upgradeAccess(value.access) } : {}),
    ...(Array.isArray(value.replicas) ? { replicas: upgradeReplicas(value.replicas) } : {}),
  }
}

/** What servers keep of a volume, as of version 2: slots are given anew when none are known. */
export function upgradeKept(value: unknown): unknown {
  if (!isObject(value) || value.version !== 1) return value
  return { slots: [], ...(upgradeVolume(value) as Fields) }
}

const upgradeAccess = (access: Fields): Fields => ({ hosts: null, dhchap: [], ...access })

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
