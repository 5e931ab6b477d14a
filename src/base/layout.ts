/**
 * Declared binary layouts. A layout is checked when its module loads: a gap, an overlap or a wrong total
 * throws, so that a table in the code cannot drift from the bytes. Hot paths read at `layout.at.field`
 * with a `DataView`; there is no interpreter per packet.
 */
export interface Field {
  readonly kind: 'u8' | 'u16' | 'u24' | 'u32' | 'u64' | 'bytes' | 'zero'
  readonly offset: number
  readonly lengthBytes: number
}

export const u8 = (offset: number): Field => ({ kind: 'u8', offset, lengthBytes: 1 })
export const u16 = (offset: number): Field => ({ kind: 'u16', offset, lengthBytes: 2 })
export const u24 = (offset: number): Field => ({ kind: 'u24', offset, lengthBytes: 3 })
export const u32 = (offset: number): Field => ({ kind: 'u32', offset, lengthBytes: 4 })
export const u64 = (offset: number): Field => ({ kind: 'u64', offset, lengthBytes: 8 })
/** Opaque bytes. */
export const bytes = (offset: number, lengthBytes: number): Field => ({ kind: 'bytes', offset, lengthBytes })
/** Padding that must be zero; a reader rejects anything else. */
export const zero = (offset: number, lengthBytes: number): Field => ({ kind: 'zero', offset, lengthBytes })

export interface Layout<Name extends string> {
  readonly name: string
  readonly lengthBytes: number
  readonly fields: Readonly<Record<Name, Field>>
  /** Byte offset of each field. */
  readonly at: Readonly<Record<Name, number>>
  /** Whether all `zero` fields of the structure at `offset` are zero. */
  isPaddingZero(bytes: Uint8Array, offset?: number): boolean
}

/** Declares a structure of `lengthBytes` whose fields stand in order without gap or overlap. */
export function layout<const Fields extends Record<string, Field>>(
  name: string,
  lengthBytes: number,
  fields: Fields,
): Layout<Extract<keyof Fields, string>> {
  let end = 0
  const at: Record<string, number> = {}
  for (const [field, { offset, lengthBytes: fieldBytes }] of Object.entries(fields)) {
    if (offset !== end) throw new Error(`layout ${name}: ${field} is at ${offset}, expected ${end}`)
    end += fieldBytes
    at[field] = offset
  }
  if (end !== lengthBytes) throw new Error(`layout ${name}: fields end at ${end}, declared ${lengthBytes}`)
  const padding = Object.values(fields).filter((field) => field.kind === 'zero')
  return {
    name,
    lengthBytes,
    fields: fields as Readonly<Record<Extract<keyof Fields, string>, Field>>,
    at: at as Readonly<Record<Extract<keyof Fields, string>, number>>,
    isPaddingZero(bytes, offset = 0) {
      for (const field of padding) {
        for (let i = 0; i < field.lengthBytes; i++) if (bytes[offset + field.offset + i] !== 0) return false
      }
      return true
    },
  }
}
