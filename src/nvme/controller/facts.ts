/** What controllers say of themselves and of the state of their path. */
/** ANA states (NVMe Base 2.0 §8.1), as log page 0Ch says them. */
export const ANA_STATE = { optimized: 0x1, inaccessible: 0x3, change: 0xf } as const
export type AnaState = keyof typeof ANA_STATE

/** 20 characters that no other volume has. */
export const serialOf = (uuid: Uint8Array): string => Buffer.from(uuid).toString('hex').slice(0, 20)

export const MODEL = 'Basalt Volume'
export const FIRMWARE = '0.1.0'

/** `text` in ASCII, padded with spaces, as the standard wants its strings. */
export function writeAscii(page: Uint8Array, offset: number, lengthBytes: number, text: string): void {
  const field = Buffer.from(page.buffer, page.byteOffset + offset, lengthBytes)
  field.fill(0x20)
  field.write(text.slice(0, lengthBytes), 'latin1')
}
