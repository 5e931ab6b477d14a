import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { GIB, MIB } from '../../base/units.ts'
import { REGISTRANTS_MAX } from '../../frontend/reservations/state.ts'
import { PASSES_MAX } from '../../frontend/sanitize/operation.ts'
import { COMMANDS, dataOutLengthBytes } from './command-table.ts'
import { VPD_PAGES } from './inquiry/vpd.ts'
import {
  COMPARE_BLOCKS_MAX,
  COPIES_MAX,
  COPY_CSCDS_MAX,
  COPY_SEGMENT_BYTES_MAX,
  COPY_SEGMENTS_MAX,
  LBA_STATUS_BYTES_MAX,
  LBA_STATUS_DESCRIPTORS_MAX,
  TRANSFER_BYTES_MAX,
  UNMAP_DESCRIPTORS_MAX,
  WRITE_SAME_BYTES_MAX,
} from './limits.ts'
import { MODE_PAGES } from './mode/pages.ts'

const hex = (value: number): string => `${value.toString(16).toUpperCase().padStart(2, '0')}h`
const withSub = (code: number, sub: number | undefined): string =>
  sub === undefined ? hex(code) : `${hex(code)}/${hex(sub)}`

describe('docs/scsi-commands.md', () => {
  const document = readFileSync(new URL('../../../docs/scsi-commands.md', import.meta.url), 'utf8')

  /** The rows of the first table under a heading, as cells. */
  function rowsUnder(heading: string): string[][] {
    const section = document.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
    const rows = section.split('\n').filter((line) => line.startsWith('| ') || line.startsWith('|-'))
    return rows.slice(2).map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    )
  }

  it('lists exactly the commands', () => {
    const expected = COMMANDS.commands.map(({ opcode, serviceAction, name, mask, conflicts, paths }) => [
      withSub(opcode, serviceAction),
      name,
      String(mask.byteLength),
      typeof conflicts === 'function' ? 'depends' : conflicts,
      paths,
    ])
    expect(rowsUnder('Commands')).toEqual(expected)
  })

  it('lists exactly what is executed while the volume is being sanitized', () => {
    const line = document
      .split('While a sanitize operation runs, only these are executed: ')[1]
      ?.split('.')[0]
    const names = COMMANDS.commands.filter(({ whileSanitizing }) => whileSanitizing === 'always')
    const families = [...new Set(names.map(({ name }) => name.split(',')[0]))]
    expect(line?.replaceAll('\n', ' ').split(', ').toSorted()).toEqual(families.toSorted())
  })

  it('lists exactly the vital product data pages', () => {
    const listed = rowsUnder('Vital product data pages').map((cells) => cells.slice(0, 2))
    expect(listed).toEqual(VPD_PAGES.map(({ code, name }) => [hex(code), name]))
  })

  it('lists exactly the mode pages', () => {
    const listed = rowsUnder('Mode pages').map((cells) => cells.slice(0, 2))
    expect(listed).toEqual(
      MODE_PAGES.map(({ code, subpage, name }) => [withSub(code, subpage === 0 ? undefined : subpage), name]),
    )
  })
})

describe('limits in docs/scsi-commands.md', () => {
  const document = readFileSync(new URL('../../../docs/scsi-commands.md', import.meta.url), 'utf8')

  it.each([
    ['transfer of one command, READ, WRITE, VERIFY, ORWRITE, PRE-FETCH', `${TRANSFER_BYTES_MAX / MIB} MiB`],
    ['COMPARE AND WRITE', `${COMPARE_BLOCKS_MAX} blocks`],
    ['UNMAP', `${UNMAP_DESCRIPTORS_MAX} descriptors`],
    ['WRITE SAME', `${WRITE_SAME_BYTES_MAX / MIB} MiB`],
    ['GET LBA STATUS', `${LBA_STATUS_DESCRIPTORS_MAX} descriptors or ${LBA_STATUS_BYTES_MAX / GIB} GiB`],
    [
      'EXTENDED COPY',
      `${COPY_CSCDS_MAX} CSCD descriptors, ${COPY_SEGMENTS_MAX} segments of ${COPY_SEGMENT_BYTES_MAX / MIB} MiB, ` +
        `${COPIES_MAX} copies`,
    ],
    ['SANITIZE, OVERWRITE', `${PASSES_MAX} passes`],
    ['registrations', String(REGISTRANTS_MAX)],
  ])('%s', (limit, value) => {
    const row = document.split('\n').find((line) => line.startsWith(`| ${limit} `) && line.includes(value))
    expect(row).toBeDefined()
  })
})

describe('the table of commands', () => {
  it('is in ascending order, with no command twice', () => {
    const order = COMMANDS.commands.map(({ opcode, serviceAction }) => opcode * 32 + (serviceAction ?? 0))
    expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b))
  })

  it('has usage maps of the length that the operation code’s group says', () => {
    const lengths = [6, 10, 10, 0, 16, 12]
    for (const { name, opcode, mask } of COMMANDS.commands) {
      expect(mask.byteLength, name).toBe(lengths[opcode >>> 5])
    }
  })
})

describe('length of data out', () => {
  const of = (text: string, blockBytes = 512): number => {
    const cdb = new Uint8Array(16)
    cdb.set(Buffer.from(text.replaceAll(' ', ''), 'hex'))
    return dataOutLengthBytes(cdb, blockBytes)
  }

  it.each([
    ['READ(10)', '28 00 00000000 00 0001 00', 0],
    ['WRITE(6) of 256 blocks', '0a 000000 00 00', 131072],
    ['WRITE(10)', '2a 00 00000000 00 0003 00', 1536],
    ['WRITE(12)', 'aa 00 00000000 00000003 00 00', 1536],
    ['WRITE(16)', '8a 00 0000000000000000 00000003 00 00', 1536],
    ['WRITE(16) of the maximum', '8a 00 0000000000000000 00010000 00 00', TRANSFER_BYTES_MAX],
    ['WRITE(16) above the maximum', '8a 00 0000000000000000 00010001 00 00', 0],
    ['WRITE(16) of all', '8a 00 0000000000000000 ffffffff 00 00', 0],
    ['WRITE AND VERIFY(12)', 'ae 02 00000000 00000003 00 00', 1536],
    ['VERIFY(10) without byte check', '2f 00 00000000 00 0003 00', 0],
    ['VERIFY(10) of all bytes', '2f 02 00000000 00 0003 00', 1536],
    ['VERIFY(10) against one block', '2f 06 00000000 00 0003 00', 512],
    ['VERIFY(10) against one block, of none', '2f 06 00000000 00 0000 00', 0],
    ['WRITE SAME(10)', '41 00 00000000 00 0003 00', 512],
    ['WRITE SAME(16) without data', '93 01 0000000000000000 00000003 00 00', 0],
    ['COMPARE AND WRITE', '89 00 0000000000000000 000000 02 00 00', 2048],
    ['COMPARE AND WRITE above its maximum', '89 00 0000000000000000 000000 81 00 00', 0],
    ['ORWRITE(16)', '8b 00 0000000000000000 00000003 00 00', 1536],
    ['WRITE ATOMIC(16)', '9c 00 0000000000000000 0000 0003 00 00', 1536],
    ['UNMAP', '42 00 00000000 00 0018 00', 24],
    ['SANITIZE, OVERWRITE', '48 01 0000000000 0008 00', 8],
    ['SANITIZE, OVERWRITE of a whole block', '48 01 0000000000 0204 00', 516],
    ['SANITIZE, OVERWRITE of more than a block', '48 01 0000000000 0205 00', 0],
    ['SANITIZE, OVERWRITE without a pattern', '48 01 0000000000 0004 00', 0],
    ['SANITIZE, BLOCK ERASE', '48 02 0000000000 0008 00', 0],
    ['MODE SELECT(6)', '15 10 0000 14 00', 20],
    ['MODE SELECT(10)', '55 10 0000000000 0118 00', 280],
    ['PERSISTENT RESERVE OUT', '5f 00 00 0000 00000018 00', 24],
    ['PERSISTENT RESERVE OUT of another length', '5f 00 00 0000 ffffffff 00', 0],
    ['an unknown command', 'ff', 0],
  ])('%s', (_, cdb, expected) => {
    expect(of(cdb)).toBe(expected)
  })

  it('follows the block length', () => {
    expect(of('2a 00 00000000 00 0003 00', 4096)).toBe(12288)
  })
})
