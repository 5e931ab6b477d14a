import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import type { Field, Layout } from '../../base/layout.ts'
import type { VolumeState } from './state.ts'

/** Every layout that the format modules declare, by name: recorded as they load. */
const declared = vi.hoisted(() => new Map<string, { lengthBytes: number; fields: Record<string, Field> }>())
vi.mock('../../base/layout.ts', async (original) => {
  const real = await original<typeof import('../../base/layout.ts')>()
  return {
    ...real,
    layout: (name: string, lengthBytes: number, fields: Record<string, Field>): Layout<string> => {
      declared.set(name, { lengthBytes, fields })
      return real.layout(name, lengthBytes, fields)
    },
  }
})
await import('./dual-slot.ts')
await import('./superblock.ts')
await import('./log-group.ts')
await import('./map-page.ts')
await import('./maxima-sector.ts')
await import('./version-manifest.ts')
await import('./version-pages.ts')
await import('./snapshot-entries.ts')
const { encodeState } = await import('./state.ts')

interface Row {
  readonly offset: number
  readonly lengthBytes: number
  readonly field: string
  readonly meaning: string
}

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/formats/${name}.md`, import.meta.url), 'utf8')

/** The table behind the mark `<!-- layout NAME -->`. */
function tableOf(name: string, mark: string): Row[] {
  const after = page(name).split(`<!-- ${mark} -->\n`)[1]
  if (after === undefined) throw new Error(`docs/formats/${name}.md has no table ${mark}`)
  const rows = (after.split('\n\n')[0] ?? '').split('\n').slice(2)
  return rows.map((row) => {
    const [offset, lengthBytes, field, meaning] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return {
      offset: Number(offset),
      lengthBytes: Number(lengthBytes),
      field: field ?? '',
      meaning: meaning ?? '',
    }
  })
}

describe('the format pages', () => {
  it.each([
    ['superblock', 'Envelope'],
    ['superblock', 'Superblock'],
    ['log', 'LogGroup'],
    ['log', 'LogEntry'],
    ['log', 'SnapshotCreate'],
    ['log', 'SnapshotDelete'],
    ['log', 'Restore'],
    ['log', 'Origin'],
    ['block-map', 'MapSector'],
    ['block-map', 'MaximaSector'],
    ['versions', 'VersionManifest'],
    ['versions', 'VersionList'],
    ['versions', 'VersionFile'],
    ['versions', 'VersionPage'],
    ['versions', 'VersionRecord'],
  ])('%s.md has the table of %s that the code declares', (name, layoutName) => {
    const { fields, lengthBytes } = declared.get(layoutName)!
    const rows = tableOf(name, `layout ${layoutName}`)
    expect(rows.map(({ offset, lengthBytes: bytes, field }) => [field, offset, bytes])).toEqual(
      Object.entries(fields).map(([field, at]) => [field, at.offset, at.lengthBytes]),
    )
    for (const { field, meaning } of rows) {
      expect(meaning === 'zero', field).toBe(fields[field]?.kind === 'zero')
    }
    expect(rows.reduce((sum, row) => sum + row.lengthBytes, 0)).toBe(lengthBytes)
  })

  it('have a table for every layout that the code declares', () => {
    expect([...declared.keys()].sort()).toEqual([
      'Envelope',
      'LogEntry',
      'LogGroup',
      'MapSector',
      'MaximaSector',
      'Origin',
      'Restore',
      'SnapshotCreate',
      'SnapshotDelete',
      'Superblock',
      'VersionFile',
      'VersionList',
      'VersionManifest',
      'VersionPage',
      'VersionRecord',
    ])
  })

  it('state.md has each field where the code writes it', () => {
    const empty: VolumeState = {
      asOfLsn: 0,
      sizeBytes: 0,
      formatLevel: 0,
      epochs: [],
      snapshots: [],
      origin: undefined,
      frontendState: new Uint8Array(0),
    }
    const zeros = new Uint8Array(48)
    expect(encodeState(empty)).toEqual(zeros)
    const one: VolumeState = {
      asOfLsn: 1,
      sizeBytes: 1,
      formatLevel: 1,
      epochs: [{ number: 0, id: 0n, firstLsn: 0 }],
      snapshots: [{ id: 0n, lsn: 0, createdWallMs: 0, sizeBytes: 0, name: '' }],
      origin: { volume: new Uint8Array(16), snapshot: 0n, sizeBytes: 0 },
      frontendState: new Uint8Array(1),
    }
    let end = 0
    for (const { offset, lengthBytes, field } of tableOf('state', 'table State')) {
      expect(offset, field).toBe(end)
      end += lengthBytes
      if (field.startsWith('reserved')) continue
      const key = field as keyof typeof empty
      const head = encodeState({ ...empty, [key]: one[key] }).subarray(0, 48)
      const meant = Uint8Array.from(zeros)
      meant[offset] = 1
      expect(head, field).toEqual(meant)
    }
    expect(end).toBe(zeros.byteLength)
  })
})
