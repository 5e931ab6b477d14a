/**
 * Names of volumes, iSCSI nodes and NVMe hosts. What passes here may stand in an IQN, a URL and a log line as it is; file
 * names never come from it (a volume's directory is named by its UUID).
 */
import { BlockError } from './errors.ts'

const VOLUME_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/
const IQN = /^iqn\.\d{4}-(?:0[1-9]|1[0-2])\.[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[^\s\p{C}]+)?$/u
const EUI_OR_NAA = /^(?:eui\.[0-9a-f]{16}|naa\.(?:[0-9a-f]{16}|[0-9a-f]{32}))$/i
const NQN = /^nqn\.\d{4}-(?:0[1-9]|1[0-2])\.[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[^\s\p{C}]+)?$/iu
/** With the NUL that ends it in a Connect's 256-byte field there would be room for more; the standard says 223. */
const NQN_BYTES_MAX = 223
/** RFC 7143 §4.2.7.1: iSCSI names are at most 223 bytes. */
const ISCSI_NAME_BYTES_MAX = 223

/** Returns `text` if it is a volume name; else INVALID_ARGUMENT. `what` names the flag or key. */
export const parseVolumeName = (text: string, what: string): string => parseName(text, what, 'a volume name')

/** The same for other things that are named by the rule of volumes; `kind` is what they are: `a snapshot name`. */
export function parseName(text: string, what: string, kind: string): string {
  if (VOLUME_NAME.test(text)) return text
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not ${kind}; use 1 to 63 of a-z, 0-9, '.' and '-', beginning and ending with a letter or digit`,
  )
}

/** Returns `text` in lower case if it is an iSCSI name (RFC 7143 §4.2.7); else INVALID_ARGUMENT. */
export function parseIscsiName(text: string, what: string): string {
  const name = text.toLowerCase()
  if ((IQN.test(name) || EUI_OR_NAA.test(name)) && Buffer.byteLength(name) <= ISCSI_NAME_BYTES_MAX)
    return name
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not an iSCSI name; write for example iqn.2026-11.org.example:host1`,
  )
}

/** Returns `text` if it is an NVMe Qualified Name (NVMe Base 2.0, 4.5); else INVALID_ARGUMENT. It stays as it was written. */
export function parseNqn(text: string, what: string): string {
  if (NQN.test(text) && Buffer.byteLength(text) <= NQN_BYTES_MAX) return text
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not the NQN of a host; 'cat /etc/nvme/hostnqn' on the host shows it`,
  )
}

/** `text` for an error message: bounded, and without characters that a terminal would act on. */
export const printable = (text: string): string =>
  text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?') + (text.length > 80 ? '…' : '')
