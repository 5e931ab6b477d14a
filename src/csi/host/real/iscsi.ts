/**
 * iSCSI by open-iscsi: records and logins by `iscsiadm`, sessions as the kernel shows them in /sys. Its exit statuses
 * are those of iscsiadm(8). The secret of CHAP is an argument of a command for the moment that it runs: iscsiadm takes it in
 * no other way.
 */
import { join } from 'node:path'
import { formatHostPort } from '../../../base/address.ts'
import { BlockError } from '../../../base/errors.ts'
import type { IscsiPath, IscsiRecord, IscsiSession, IscsiTools } from '../host-tools.ts'
import { type KernelFiles, ownFiles } from './kernel-files.ts'
import { type Finished, type Run, said } from './run.ts'

const RECORD_MS = 20_000
/** Above `login_timeout` with what iscsid tries again. */
const LOGIN_MS = 45_000
const LOGOUT_MS = 45_000

const STATUS = { SESSION_EXISTS: 15, NO_OBJECTS: 21 } as const
/** Transport and its timeout, no daemon, login failed, authentication failed, refused by authorization. */
const UNREACHABLE: readonly number[] = [4, 8, 11, 16]
const REFUSED: readonly number[] = [19, 24]

/** What docs/hosts.md advises, in every record. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['node.startup', 'manual'],
  ['node.conn[0].timeo.noop_out_interval', '1'],
  ['node.conn[0].timeo.noop_out_timeout', '3'],
  ['node.conn[0].timeo.login_timeout', '5'],
  ['node.session.initial_login_retry_max', '2'],
]

export function iscsiTools(run: Run, sys: string, files = ownFiles): IscsiTools {
  const admin = (args: readonly string[], timeoutMs: number, accept: readonly number[] = [0]) =>
    run('iscsiadm', args, { timeoutMs, accept, explain })
  const sessions = (): Promise<readonly IscsiSession[]> => sessionsIn(files, sys)
  return {
    iscsiSessions: sessions,
    iscsiRecord: async (record) => {
      const iface = ['-m', 'iface', '-I', record.interfaceName]
      if (!(await hasInterface(run, record.interfaceName))) await admin([...iface, '-o', 'new'], RECORD_MS)
      const names = [...iface, '-o', 'update', '-n', 'iface.initiatorname', '-v', record.initiator]
      await admin(names, RECORD_MS)
      const node = nodeArguments(record)
      await admin([...node, '-o', 'new'], RECORD_MS)
      for (const [name, value] of settingsOf(record)) {
        await admin([...node, '-o', 'update', '-n', name, '-v', value], RECORD_MS)
      }
    },
    iscsiLogin: async (path) => {
      await admin([...nodeArguments(path), '--login'], LOGIN_MS, [0, STATUS.SESSION_EXISTS])
    },
    iscsiLogout: async (path) => {
      for (const { id } of (await sessions()).filter((one) => isOf(one, path))) {
        await admin(['-m', 'session', '-r', String(id), '--logout'], LOGOUT_MS, [0, STATUS.NO_OBJECTS])
      }
    },
    iscsiForget: async (interfaceName) => {
      if (!(await hasInterface(run, interfaceName))) return
      const records = ['-m', 'node', '-I', interfaceName, '-o', 'delete']
      await admin(records, RECORD_MS, [0, STATUS.NO_OBJECTS])
      await admin(['-m', 'iface', '-I', interfaceName, '-o', 'delete'], RECORD_MS, [0, STATUS.NO_OBJECTS])
    },
    iscsiRescan: async ({ id }) => {
      await admin(['-m', 'session', '-r', String(id), '--rescan'], RECORD_MS, [0, STATUS.NO_OBJECTS])
    },
  }
}

const nodeArguments = ({ interfaceName, iqn, portal }: IscsiPath): readonly string[] => [
  ...['-m', 'node', '-T', iqn, '-p', portal, '-I', interfaceName],
]

const isOf = (session: IscsiPath, path: IscsiPath): boolean =>
  session.interfaceName === path.interfaceName && session.iqn === path.iqn && session.portal === path.portal

function settingsOf({
  replacementTimeoutSeconds,
  chap,
}: IscsiRecord): readonly (readonly [string, string])[] {
  const timeout = ['node.session.timeo.replacement_timeout', String(replacementTimeoutSeconds)] as const
  if (chap === null) return [...SETTINGS, timeout, ['node.session.auth.authmethod', 'None']]
  const { user, secret, mutual } = chap
  return [
    ...SETTINGS,
    timeout,
    ['node.session.auth.authmethod', 'CHAP'],
    ['node.session.auth.username', user],
    ['node.session.auth.password', secret],
    ...(mutual === undefined
      ? []
      : ([
          ['node.session.auth.username_in', mutual.user],
          ['node.session.auth.password_in', mutual.secret],
        ] as const)),
  ]
}

/** The list of interfaces has one a line, by name. */
async function hasInterface(run: Run, name: string): Promise<boolean> {
  const { stdout } = await run('iscsiadm', ['-m', 'iface'], {
    timeoutMs: RECORD_MS,
    accept: [0, STATUS.NO_OBJECTS],
    explain,
  })
  return stdout.split('\n').some((line) => line.split(' ')[0] === name)
}

async function sessionsIn(files: KernelFiles, sys: string): Promise<readonly IscsiSession[]> {
  const folder = join(sys, 'class', 'iscsi_session')
  const found = await Promise.all(
    (await files.namesIn(folder)).map(async (name): Promise<IscsiSession | undefined> => {
      const id = /^session(\d+)$/.exec(name)?.[1]
      if (id === undefined) return undefined
      const of = (file: string): Promise<string | undefined> => files.textOf(join(folder, name, file))
      const connection = join(sys, 'class', 'iscsi_connection', `connection${id}:0`)
      const [iqn, interfaceName, state, host, port] = await Promise.all([
        ...[of('targetname'), of('ifacename'), of('state')],
        files.textOf(join(connection, 'persistent_address')),
        files.textOf(join(connection, 'persistent_port')),
      ])
      if (iqn === undefined || interfaceName === undefined) return undefined
      const portal = host && port ? formatHostPort({ host, port: Number(port) }) : ''
      return { id: Number(id), iqn, interfaceName, portal, isLive: state === 'LOGGED_IN' }
    }),
  )
  return found.filter((session) => session !== undefined)
}

function explain(finished: Finished): BlockError | undefined {
  const words = `iscsiadm ended with ${said(finished)}`
  if (REFUSED.includes(finished.status)) return new BlockError('ACCESS_DENIED', words)
  if (UNREACHABLE.includes(finished.status)) return new BlockError('DISCONNECTED', words)
  return undefined
}
