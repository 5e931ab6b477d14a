/**
 * What a host does to use a volume: the lines to run on it, from the volume as it is seen now. Pure. Settings are those of
 * open-iscsi, multipath-tools and nvme-cli that hold over the loss of a server; whoever reads them as data may put them
 * otherwise. Names and portals have no character that a shell would act on; what people chose is quoted.
 */
import { isLoopback, parseHostPort } from '../../base/address.ts'
import type { AttachInfo, AttachPortal, AttachSection, Finding, PathView, VolumeView } from '../master-api.ts'
import { effectiveAccess } from './effective-access.ts'

/** A session that is lost queues I/O for so long, s: on one path until another server leads, on several until another is tried. */
const REPLACEMENT_S = { ONE_PATH: 120, MULTIPATH: 5 } as const
/** Pings of a silent session, s. */
const NOOP_S = { EVERY: 1, WAIT: 3 } as const
/** A login that was sent to a server which hangs is tried again from the start, s. */
const LOGIN_S = 5
/** Between tries of dm-multipath while no path works; as many as make two minutes of its 5 s. */
const NO_PATH_TRIES = 24
const NVME_S = { RECONNECT: 1, KEEP_ALIVE: 5 } as const

export function attachInfo(view: VolumeView): AttachInfo {
  const { record, iqn, nqn } = view
  const { access } = record
  const iscsi = portalsOf(view, ({ iscsi: portals }) => portals)
  const nvme = portalsOf(view, ({ nvme: portals }) => portals)
  const sections: AttachSection[] = []
  if (iscsi.length > 0) sections.push(...(record.isMultipath ? multipath(view, iscsi) : onePath(view, iscsi)))
  if (nvme.length > 0) sections.push(overNvme(view, nvme))
  return {
    view,
    iscsi: iqn === null || iscsi.length === 0 ? null : { iqn, portals: iscsi, hasChap: access.chap !== null },
    nvme: nvme.length === 0 ? null : { nqn, portals: nvme, hasDhchap: access.dhchap.length > 0 },
    sections,
    warnings: warningsOf(view, [...iscsi, ...nvme]),
  }
}

/** Those of who serves first: what is asked there needs no detour. Then in the order of slots. */
function portalsOf(view: VolumeView, of: (path: PathView) => readonly string[]): readonly AttachPortal[] {
  const first = view.record.lead.primary
  return view.paths
    .toSorted((a, b) => Number(b.server === first) - Number(a.server === first) || a.slot - b.slot)
    .flatMap((path) => of(path).map((address) => ({ address, path })))
}

const node = (view: VolumeView): string => `iscsiadm -m node -T ${view.iqn}`

/** Setting and value, as `iscsiadm --op update` takes them. */
function sessionSettings(view: VolumeView, replacementS: number): [string, string][] {
  const { chap } = view.record.access
  const settings: [string, string][] = [
    ['node.startup', 'automatic'],
    ['node.session.timeo.replacement_timeout', String(replacementS)],
    ['node.conn[0].timeo.noop_out_interval', String(NOOP_S.EVERY)],
    ['node.conn[0].timeo.noop_out_timeout', String(NOOP_S.WAIT)],
    ['node.conn[0].timeo.login_timeout', String(LOGIN_S)],
  ]
  if (chap === null) return settings
  settings.push(
    ['node.session.auth.authmethod', 'CHAP'],
    ['node.session.auth.username', quoted(chap.user)],
    ['node.session.auth.password', '"$(cat chap-secret)"'],
  )
  if (chap.mutual === null) return settings
  return [
    ...settings,
    ['node.session.auth.username_in', quoted(chap.mutual.user)],
    ['node.session.auth.password_in', '"$(cat mutual-secret)"'],
  ]
}

const updates = (node: string, settings: readonly [string, string][]): string[] =>
  settings.map(([name, value]) => `${node} --op update -n '${name}' -v ${value}`)

/**
 * One session: with two of them the host would see one disk as two, and nothing would join them. open-iscsi comes back to
 * the portal of its record after every loss; so that is one of a server whose loss is not the session's.
 */
function onePath(view: VolumeView, portals: readonly AttachPortal[]): AttachSection[] {
  const standing = portals.filter(({ path }) => path.role === 'standby')
  const [entry, ...others] = [...new Set([...standing, ...portals])].map(({ address }) => address)
  const at = `${node(view)} -p ${entry}`
  const elsewhere =
    others.length === 0
      ? []
      : [
          '# the host comes back to the portal that it logged in at and is sent on from there to the server that leads; a server',
          '# that does not lead is best, for they are not lost together. Others do as well:',
          ...others.map((portal) => `#   ${portal}`),
          '# log in at one of them only',
        ]
  return [
    {
      protocol: 'iscsi',
      title: 'iSCSI, one path',
      file: null,
      lines: [
        ...elsewhere,
        `iscsiadm -m discovery -t sendtargets -p ${entry}`,
        ...updates(at, sessionSettings(view, REPLACEMENT_S.ONE_PATH)),
        `${at} --login`,
      ],
    },
  ]
}

function multipath(view: VolumeView, portals: readonly AttachPortal[]): AttachSection[] {
  return [
    {
      protocol: 'iscsi',
      title: 'multipath, before the first login',
      file: '/etc/multipath/conf.d/basalt.conf',
      lines: [
        'devices {',
        '    device {',
        '        vendor "BASALT"',
        '        product "BLOCK VOLUME"',
        '        path_grouping_policy group_by_prio',
        '        prio alua',
        '        hardware_handler "1 alua"',
        '        path_checker tur',
        '        failback immediate',
        `        no_path_retry ${NO_PATH_TRIES}`,
        `        fast_io_fail_tmo ${REPLACEMENT_S.MULTIPATH}`,
        '    }',
        '}',
      ],
    },
    {
      protocol: 'iscsi',
      title: 'iSCSI, all paths',
      file: null,
      lines: [
        'multipathd reconfigure',
        ...portals.map(({ address }) => `iscsiadm -m discovery -t sendtargets -p ${address}`),
        ...updates(node(view), sessionSettings(view, REPLACEMENT_S.MULTIPATH)),
        `${node(view)} --login`,
        'multipath -ll',
      ],
    },
  ]
}

function overNvme({ nqn, record }: VolumeView, portals: readonly AttachPortal[]): AttachSection {
  const { dhchap } = record.access
  const isMutual = dhchap.some(({ sealedControllerSecret }) => sealedControllerSecret !== null)
  const keys = [
    ...(dhchap.length === 0 ? [] : ['--dhchap-secret="$(cat dhchap-secret)"']),
    ...(isMutual ? ['--dhchap-ctrl-secret="$(cat dhchap-controller-secret)"'] : []),
  ]
  const holding = [
    `--reconnect-delay=${NVME_S.RECONNECT}`,
    '--ctrl-loss-tmo=-1',
    `--keep-alive-tmo=${NVME_S.KEEP_ALIVE}`,
    ...keys,
  ].join(' ')
  const where = portals.map(({ address }) => {
    const { host, port } = parseHostPort(address, 'portal')
    return `-t tcp -a ${host} -s ${port}`
  })
  return {
    protocol: 'nvme',
    title: 'NVMe/TCP, all paths',
    file: null,
    lines: [
      'modprobe nvme-tcp',
      `nvme discover ${where[0]}`,
      ...where.map((at) => `nvme connect ${at} -n ${nqn} ${holding}`),
      '# or every volume that this host may use, at once:',
      `#   nvme connect-all ${where[0]} ${holding}`,
      'nvme list-subsys',
    ],
  }
}

function warningsOf(view: VolumeView, portals: readonly AttachPortal[]): readonly Finding[] {
  const { record, isServing } = view
  const { initiators, chap, hosts, dhchap } = effectiveAccess(record)
  const found: Finding[] = []
  const warn = (code: string, message: string): void => void found.push({ code, message })
  if (initiators === null && chap === null && hosts === null && dhchap.length === 0) {
    warn(
      'no_access_rules',
      `nobody is named who may use ${record.name}: servers admit whom their own configuration names, outside loopback nobody; see basalt volume access`,
    )
  }
  if (initiators?.length === 0)
    warn('no_initiators', 'no iSCSI initiator is let in; see basalt volume access')
  if (hosts?.length === 0) warn('no_hosts', 'no NVMe host is let in; see basalt volume access')
  if (portals.length === 0) warn('no_portals', 'no server of it has told a portal')
  if (portals.some(({ address }) => isLoopback(parseHostPort(address, 'portal').host))) {
    warn(
      'loopback_portal',
      'portals are loopback addresses: only hosts on the servers themselves reach them; start servers with --iscsi and --nvme on an address of the network, or --iscsi-portal and --nvme-portal',
    )
  }
  if (!isServing) warn('not_serving', 'nobody serves it at this moment; see basalt volume preflight')
  const servers = new Set(view.paths.map(({ server }) => server))
  if (record.isMultipath && servers.size < 2) {
    warn('one_path', 'it has one path: the loss of that server stops its hosts')
  }
  return found
}

/** For a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
