/** SQLite on a mounted volume: what it said is committed is there after a crash. */
import { StepFailure } from '../../model/failure.ts'
import type { Need } from '../../model/need.ts'
import { integer, text, truth, withDefault } from '../../model/parameters.ts'
import { defineAction, type World } from '../action.ts'
import { KERNEL, type Mount, mountOf, pathIn, tool } from '../files/mounts.ts'
import { ATTACHED } from '../hosts/attached.ts'
import { couldNot } from '../shared/failures.ts'
import { checkRows } from './rows.ts'
import { PRAGMAS, SqliteLoad } from './sqlite-load.ts'

const NEEDS: readonly Need[] = ['sqlite', ...KERNEL]
const DATABASE = { ...ATTACHED, database: withDefault(text('the file, below the mount'), 'rows.db') } as const

interface Known {
  readonly seed: string
  readonly batch: number
  committed: number
  load: SqliteLoad | undefined
}

const keyOf = ({ volume }: Mount, database: string): string => `sqlite ${database} on ${volume}`

function known({ shared }: World, mount: Mount, database: string): Known {
  const found = shared.get(keyOf(mount, database)) as Known | undefined
  if (found !== undefined) return found
  throw couldNot(`sqlite_create did not make ${database} on ${mount.volume}`)
}

export const sqliteCreate = defineAction({
  name: 'sqlite_create',
  group: 'database',
  summary: 'Make an empty SQLite database with a write-ahead log on a mounted volume',
  parameters: {
    ...DATABASE,
    batch: withDefault(integer('rows of each transaction', 1, 1000), 5),
    seed: withDefault(text('values of rows follow from it'), 'basalt'),
  },
  needs: NEEDS,
  async run(context, { database, batch, seed, ...name }) {
    const { world } = context
    const mount = mountOf(world, name)
    const table = 'CREATE TABLE rows (id INTEGER PRIMARY KEY, value TEXT NOT NULL);'
    await tool(context, mount.machine, [
      'sqlite3',
      '-batch',
      '-bail',
      pathIn(mount, database),
      ...PRAGMAS,
      table,
    ])
    const made: Known = { seed, batch, committed: 0, load: undefined }
    world.shared.set(keyOf(mount, database), made)
    return undefined
  },
})

export const sqliteLoadStart = defineAction({
  name: 'sqlite_load_start',
  group: 'database',
  summary:
    'Begin to insert rows, a transaction after the other; each that the database says is committed is remembered here',
  parameters: DATABASE,
  needs: NEEDS,
  async run({ world }, { database, ...name }) {
    const mount = mountOf(world, name)
    const it = known(world, mount, database)
    if (it.load !== undefined) throw couldNot(`rows are inserted into ${database} already`)
    const { seed, batch, committed: from } = it
    const load = await SqliteLoad.start(mount, { database: pathIn(mount, database), seed, batch, from })
    it.load = load
    world.atEnd(`inserts into ${database}`, async () => {
      if (it.load === load) await load.kill()
    })
    return undefined
  },
})

export const sqliteProgress = defineAction({
  name: 'sqlite_progress',
  group: 'database',
  summary: 'Wait until so many more rows are committed',
  parameters: { ...DATABASE, rows: withDefault(integer('how many more', 1), 50) },
  result: 'the number of the last row that is committed',
  needs: NEEDS,
  async run({ world, signal }, { database, rows, ...name }) {
    const { load } = known(world, mountOf(world, name), database)
    if (load === undefined) throw couldNot(`no rows are inserted into ${database}`)
    const before = load.committed
    if (await load.progress(rows, signal)) return load.committed
    throw new StepFailure('TIMEOUT', `${load.committed - before} of ${rows} rows were committed in time`)
  },
})

export const sqliteLoadStop = defineAction({
  name: 'sqlite_load_stop',
  group: 'database',
  summary: 'End the inserts: after the transaction under way, or in the middle of it',
  parameters: { ...DATABASE, kill: withDefault(truth('in the middle, by SIGKILL'), false) },
  result: 'the number of the last row that is committed',
  needs: NEEDS,
  async run({ world, signal }, { database, kill, ...name }) {
    const it = known(world, mountOf(world, name), database)
    const { load } = it
    if (load === undefined) throw couldNot(`no rows are inserted into ${database}`)
    it.load = undefined
    await (kill ? load.kill() : load.stop(signal))
    it.committed = load.committed
    return load.committed
  },
})

export const sqliteCheck = defineAction({
  name: 'sqlite_check',
  group: 'database',
  summary: 'Check the database: its integrity, and that every committed row is there as it was inserted',
  parameters: { ...DATABASE, rows: withDefault(integer('so many must be committed at least'), 1) },
  result: 'rows that are there, committed: how many had to be',
  needs: NEEDS,
  timeoutMs: 120_000,
  async run(context, { database, rows: least, ...name }) {
    const { world } = context
    const mount = mountOf(world, name)
    const it = known(world, mount, database)
    if (it.load !== undefined)
      throw couldNot(`rows are still inserted into ${database}: sqlite_load_stop comes first`)
    if (it.committed < least)
      throw couldNot(`${it.committed} rows were committed, ${least} are expected: this would prove nothing`)
    const file = pathIn(mount, database)
    const integrity = (
      await tool(context, mount.machine, ['sqlite3', '-batch', file, 'PRAGMA integrity_check;'], {
        accept: [0, 11],
      })
    ).stdout.trim()
    if (integrity !== 'ok')
      throw new StepFailure(
        'DATA_MISMATCH',
        `${database} is damaged: ${integrity.split('\n')[0]}`,
        integrity.slice(-2000),
      )
    const { stdout } = await tool(context, mount.machine, [
      'sqlite3',
      '-batch',
      file,
      'SELECT id, value FROM rows ORDER BY id;',
    ])
    const { rows, faults } = checkRows(stdout, it)
    if (faults.length > 0)
      throw new StepFailure('DATA_MISMATCH', `${database}: ${faults[0]}`, {
        committed: it.committed,
        rows,
        faults,
      })
    const { committed } = it
    // rows that were under way and made it count from here on
    it.committed = rows
    return { rows, committed }
  },
})
