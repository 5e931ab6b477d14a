/** A small catalog and files in memory. */
import { posix } from 'node:path'
import { BlockError } from '../../src/base/errors.ts'
import type { ActionCatalog, ActionSpec } from '../model/action-spec.ts'
import {
  anything,
  duration,
  integer,
  listOf,
  machineName,
  oneOf,
  optional,
  size,
  text,
  withDefault,
} from '../model/parameters.ts'
import type { FileSource } from './source-files.ts'

const spec = (given: Partial<ActionSpec> & { readonly name: string }): ActionSpec => ({
  ...{ group: 'core', summary: 'Does it', parameters: {}, result: null, needs: [] },
  ...{ timeoutMs: 10_000, isFault: false },
  ...given,
})

const specs: readonly ActionSpec[] = [
  spec({ name: 'print', parameters: { text: text('what to print') } }),
  spec({ name: 'sleep', parameters: { duration: duration('how long') } }),
  spec({ name: 'set', parameters: { value: anything('what to save') }, result: 'the value' }),
  spec({
    ...{ name: 'volume_create', group: 'volume', result: 'the volume as the API shows it' },
    summary: 'Makes a volume and waits until it is ready',
    parameters: {
      name: text('its name'),
      size: size('of the volume'),
      replicas: withDefault(integer('of the volume', 1, 7), 2),
      transport: withDefault(oneOf(['iscsi', 'nvme'], 'how hosts reach it'), 'iscsi'),
      zones: optional(listOf(text('where replicas may be'))),
    },
  }),
  spec({
    ...{ name: 'server_kill', group: 'fault', isFault: true, needs: ['root'] },
    parameters: { server: machineName('whom', ['s']), also: optional(listOf(machineName('whom else'))) },
  }),
  spec({
    name: 'assert_equal',
    group: 'assert',
    parameters: { actual: anything('a'), expected: anything('b') },
  }),
]

export const catalog: ActionCatalog = new Map(specs.map((one) => [one.name, one]))

/** Files by path. Folders are there when a file is in them. */
export function memoryFiles(files: Readonly<Record<string, string>>): FileSource {
  const paths = Object.keys(files).map((path) => posix.normalize(path))
  const isFolder = (path: string): boolean => path === '.' || paths.some((one) => one.startsWith(`${path}/`))
  return {
    async read(path) {
      const text = files[path]
      if (text === undefined) throw new BlockError('NOT_FOUND', `${path} does not exist`)
      return text
    },
    async list(path) {
      const folder = posix.normalize(path)
      const inside = paths
        .filter((one) => folder === '.' || one.startsWith(`${folder}/`))
        .map((one) => (folder === '.' ? one : one.slice(folder.length + 1)))
      const names = new Map(inside.map((one) => [one.split('/')[0] ?? '', one.includes('/')]))
      return [...names].sort().map(([name, isDirectory]) => ({ name, isDirectory }))
    },
    async isDirectory(path) {
      return isFolder(posix.normalize(path).replace(/\/$/, ''))
    },
  }
}
