/**
 * 32-bit serial numbers (RFC 1982), as CmdSN and StatSN of iSCSI compare them (RFC 7143 §4.2.2.1).
 * Values are unsigned; the distance between two compared values must be below 2^31.
 */

/** `a + b` modulo 2^32. */
export const serialAdd = (a: number, b: number): number => (a + b) >>> 0
/** The signed distance from `b` to `a`: positive when `a` comes after `b`. */
export const serialDistance = (a: number, b: number): number => (a - b) | 0
export const serialBefore = (a: number, b: number): boolean => serialDistance(a, b) < 0
export const serialAfter = (a: number, b: number): boolean => serialDistance(a, b) > 0
