/** Patterns of names in schemas, and the sentence for what does not fit: a pattern alone tells people little. */

/** As `parseVolumeName` of src/base/names.ts. A UUID fits too: volumes are found by either. */
export const VOLUME_NAME_PATTERN = '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'

/** Of servers and tokens: names of hosts, and UUIDs. */
export const NODE_NAME_PATTERN = '^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$'

/** An opaque cursor: base64url. */
export const CURSOR_PATTERN = '^[A-Za-z0-9_-]{1,512}$'

export const PATTERN_SENTENCES: Readonly<Record<string, string>> = {
  [VOLUME_NAME_PATTERN]:
    "that is not a volume name; use 1 to 63 of a-z, 0-9, '.' and '-', beginning and ending with a letter or digit",
  [NODE_NAME_PATTERN]:
    "that is not a name or id; use 1 to 63 of A-Z, a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit",
  [CURSOR_PATTERN]:
    "'cursor' is to be the 'next_cursor' of the answer before; leave it out for the first page",
}
