/**
 * What hosts know a snapshot by: a name, and a UUID of its own, the same at every server. The name is no volume's: those have
 * no colon.
 */
import { createHash } from 'node:crypto'

const MARK = ':snap:'
/** Of the names below: made once, at random. */
const NAMESPACE = Uint8Array.of(
  0x6d,
  0x1f,
  0x8a,
  0x52,
  0x0b,
  0x7c,
  0x4e,
  0x93,
  0xa4,
  0x3e,
  0x25,
  0xd9,
  0x71,
  0xc8,
  0x5f,
  0x06,
)

/** The name by which snapshot `snapshot` of `volume` is served; IQN and NQN end with it. */
export const snapshotTargetName = (volume: string, snapshot: string): string => `${volume}${MARK}${snapshot}`

/** The part of an IQN, an NQN or a name before the snapshot's; undefined when it names no snapshot. */
export function volumePartOf(name: string): string | undefined {
  const at = name.lastIndexOf(MARK)
  return at < 0 ? undefined : name.slice(0, at)
}

/**
 * A name-based UUID (RFC 9562 §5.8, version 8 for SHA-256) of the volume's UUID and the snapshot's id: serial numbers and NAA
 * and NGUID names come from it, so a host never takes a snapshot for its volume or for another snapshot.
 */
export function snapshotUuid(volume: Uint8Array, id: bigint): Uint8Array {
  const name = new Uint8Array(24)
  name.set(volume, 0)
  new DataView(name.buffer).setBigUint64(16, id)
  const hash = createHash('sha256').update(NAMESPACE).update(name).digest()
  const uuid = Uint8Array.from(hash.subarray(0, 16))
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}
