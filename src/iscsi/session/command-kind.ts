/** Sorts commands for latency figures, by operation code. */
export type CommandKind = 'read' | 'write' | 'flush' | 'trim' | 'other'

const KINDS: ReadonlyMap<number, CommandKind> = new Map<number, CommandKind>([
  ...[0x08, 0x28, 0xa8, 0x88].map((opcode) => [opcode, 'read'] as const),
  // WRITE, WRITE AND VERIFY, WRITE SAME, COMPARE AND WRITE, ORWRITE, WRITE ATOMIC.
  ...[0x0a, 0x2a, 0xaa, 0x8a, 0x2e, 0xae, 0x8e, 0x41, 0x93, 0x89, 0x8b, 0x9c].map(
    (opcode) => [opcode, 'write'] as const,
  ),
  ...[0x35, 0x91].map((opcode) => [opcode, 'flush'] as const),
  [0x42, 'trim'],
])

const WRITE_SAME_10 = 0x41
const WRITE_SAME_16 = 0x93
const UNMAP_BIT = 0x08

export function commandKind(cdb: Uint8Array): CommandKind {
  const opcode = cdb[0]!
  const isWriteSame = opcode === WRITE_SAME_10 || opcode === WRITE_SAME_16
  if (isWriteSame && (cdb[1]! & UNMAP_BIT) !== 0) return 'trim'
  return KINDS.get(opcode) ?? 'other'
}
