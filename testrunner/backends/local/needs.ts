/** What this computer has of what scenarios need. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Need } from '../../model/need.ts'

/** Needs that a user-space place meets or lacks for the same reasons, whatever its network. */
export function hasNeed(need: Need): boolean {
  switch (need) {
    case 'root':
      return canBeRoot()
    case 'kernel':
      return false
    // proxies do it where the kernel cannot
    case 'netem':
    case 'partition':
    case 's3':
      return true
    case 'small-disk':
      return canMountTmpfs()
    case 'fio':
      return hasProgram('fio')
    case 'sqlite':
      return hasProgram('sqlite3')
    case 'postgresql':
      return hasProgram('pgbench') && hasPostgres()
  }
}

/** Whether commands that are to run as root can. */
const canBeRoot = (): boolean =>
  process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0

/** `name`: a path, or a name that is looked for where programs are. */
export const hasProgram = (name: string): boolean =>
  name.includes('/')
    ? existsSync(name)
    : `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`
        .split(delimiter)
        .some((folder) => existsSync(join(folder, name)))

const POSTGRES_FOLDER = '/usr/lib/postgresql'

/** Debian has the server's programs outside PATH. */
const hasPostgres = (): boolean =>
  hasProgram('initdb') ||
  (existsSync(POSTGRES_FOLDER) &&
    readdirSync(POSTGRES_FOLDER).some((version) => existsSync(join(POSTGRES_FOLDER, version, 'bin/initdb'))))

/** Root in a container may mount nothing: only trying tells. */
function canMountTmpfs(): boolean {
  if (process.getuid?.() !== 0) return false
  const folder = mkdtempSync(join(tmpdir(), 'basalt-mount-'))
  try {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], {
      stdio: 'ignore',
    })
    if (mounted.status !== 0) return false
    return spawnSync('umount', [folder], { stdio: 'ignore' }).status === 0
  } finally {
    rmdirSync(folder)
  }
}
