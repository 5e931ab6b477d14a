/**
 * Value formats of iSCSI text (RFC 7143 §6.1): numbers in decimal or hexadecimal, binary values in decimal,
 * hexadecimal or base64, booleans, lists. Parsers return undefined for anything else.
 */

/** RFC 7143 §6.2: the three answers that are not values of the key. */
export const NOT_UNDERSTOOD = 'NotUnderstood'
export const IRRELEVANT = 'Irrelevant'
export const REJECT = 'Reject'

export const isReservedAnswer = (value: string): boolean =>
  value === NOT_UNDERSTOOD || value === IRRELEVANT || value === REJECT

/** An unsigned decimal or hexadecimal constant below 2^53. */
export function parseNumber(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15}|0[xX][0-9a-fA-F]{1,16})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

export function parseBoolean(text: string): boolean | undefined {
  if (text === 'Yes') return true
  return text === 'No' ? false : undefined
}

export const formatBoolean = (value: boolean): string => (value ? 'Yes' : 'No')

/** A list of values, in order of preference. Empty items make it invalid. */
export function parseList(text: string): readonly string[] | undefined {
  const items = text.split(',')
  return items.includes('') ? undefined : items
}

/** A binary value of 1 to `bytesMax` bytes: `0x…` or `0b…`. An odd count of hex digits has a zero before it. */
export function parseBinary(text: string, bytesMax: number): Uint8Array | undefined {
  const prefix = text.slice(0, 2).toLowerCase()
  const body = text.slice(2)
  if (prefix === '0x') {
    if (body.length === 0 || body.length > bytesMax * 2 || !/^[0-9a-fA-F]+$/.test(body)) return undefined
    return Buffer.from(body.length % 2 === 0 ? body : `0${body}`, 'hex')
  }
  if (prefix !== '0b' || body.length === 0 || body.length > Math.ceil(bytesMax / 3) * 4) return undefined
  if (body.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return undefined
  const bytes = Buffer.from(body, 'base64')
  return bytes.byteLength > bytesMax ? undefined : bytes
}

/** The hexadecimal form of a binary value. */
export const formatBinary = (bytes: Uint8Array): string =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
