/** What an I/O command is counted as: Write Zeroes is a write, Dataset Management a trim. */
export type NvmeCommandKind = 'read' | 'write' | 'flush' | 'trim' | 'other'

export function commandKind(opcode: number): NvmeCommandKind {
  switch (opcode) {
    case 0x02:
      return 'read'
    case 0x01:
    case 0x08:
      return 'write'
    case 0x00:
      return 'flush'
    case 0x09:
      return 'trim'
    default:
      return 'other'
  }
}
