import { describe, expect, it } from 'vitest'
import type { PathView, VolumeView } from '../master-api.ts'
import type { AccessRecord, VolumeRecord } from '../records.ts'
import { attachInfo } from './attach-info.ts'
import { testVolume } from './test-support.ts'

const OPEN: AccessRecord = { initiators: ['iqn.x:h'], chap: null, hosts: ['nqn.x:h'], dhchap: [] }
const path = (server: string, slot: number, role: PathView['role'], address: string): PathView => ({
  ...{ server, serverName: `name-${server}`, slot, role },
  iscsi: [`${address}:3260`],
  nvme: [`${address}:4420`],
})

function viewOf(different: Partial<VolumeRecord> = {}, more: Partial<VolumeView> = {}): VolumeView {
  const record = testVolume(1, { name: 'db1', access: OPEN, ...different })
  return {
    record: { ...record, lead: { ...record.lead, primary: 'b' } },
    ...{ health: 'healthy', healthReasons: [], isServing: true, usedBytes: 0, jobs: [], replicas: [] },
    ...{ snapshots: { count: 0, bytes: null }, clone: null, scrub: null },
    ...{ iqn: 'iqn.2026-11.io.basalt:db1', nqn: 'nqn.2026-11.io.basalt:db1' },
    ...{ iscsi: [], nvme: [] },
    paths: [path('a', 0, 'standby', '10.0.0.1'), path('b', 1, 'active', '[fd00::2]')],
    ...more,
  }
}
const linesOf = (view: VolumeView, title: RegExp): string =>
  attachInfo(view)
    .sections.filter((section) => title.test(section.title))
    .flatMap(({ lines }) => lines)
    .join('\n')
const codesOf = (view: VolumeView): string[] => attachInfo(view).warnings.map(({ code }) => code)

describe('what a host does to use a volume', () => {
  it('is one iSCSI session, by way of a server that does not lead, that waits for the next primary', () => {
    const text = linesOf(viewOf(), /^iSCSI/)
    expect(text.match(/^iscsiadm.*--login$/gm)).toEqual([
      'iscsiadm -m node -T iqn.2026-11.io.basalt:db1 -p 10.0.0.1:3260 --login',
    ])
    expect(text).toContain('iscsiadm -m discovery -t sendtargets -p 10.0.0.1:3260\n')
    expect(text).toContain("-n 'node.conn[0].timeo.login_timeout' -v 5\n")
    expect(text).toContain("-n 'node.session.timeo.replacement_timeout' -v 120\n")
    expect(text).toContain('#   [fd00::2]:3260\n# log in at one of them only')
    expect(text).not.toContain('auth')
    expect(attachInfo(viewOf()).sections.map(({ title }) => title)).toEqual([
      'iSCSI, one path',
      'NVMe/TCP, all paths',
    ])
  })

  it('is every portal of a multipath volume, with ALUA told to multipathd before', () => {
    const view = viewOf({ isMultipath: true })
    const [conf] = attachInfo(view).sections
    expect(conf?.file).toBe('/etc/multipath/conf.d/basalt.conf')
    expect(conf?.lines.join('\n')).toMatch(
      /vendor "BASALT"\n +product "BLOCK VOLUME"\n(?:.|\n)*hardware_handler "1 alua"/,
    )
    const text = linesOf(view, /^iSCSI/)
    expect(text.match(/sendtargets -p .*/g)).toEqual([
      'sendtargets -p [fd00::2]:3260',
      'sendtargets -p 10.0.0.1:3260',
    ])
    expect(text).toContain("replacement_timeout' -v 5\n")
    expect(text).toContain('\niscsiadm -m node -T iqn.2026-11.io.basalt:db1 --login\n')
  })

  it('is a connection over NVMe/TCP for each path', () => {
    const text = linesOf(viewOf(), /^NVMe/)
    expect(text.match(/^nvme connect .*-n/gm)).toEqual([
      'nvme connect -t tcp -a fd00::2 -s 4420 -n',
      'nvme connect -t tcp -a 10.0.0.1 -s 4420 -n',
    ])
    expect(text).toContain('nvme discover -t tcp -a fd00::2 -s 4420\n')
    expect(text).not.toContain('dhchap')
    const none = viewOf().paths.map((one) => ({ ...one, nvme: [] }))
    expect(attachInfo(viewOf({}, { paths: none })).nvme).toBeNull()
    expect(linesOf(viewOf({}, { paths: none }), /^NVMe/)).toBe('')
  })

  it('takes secrets from files, and quotes names that people chose', () => {
    const chap = { user: "o'neil; reboot", sealedSecret: 's', mutual: { user: 't', sealedSecret: 's' } }
    const dhchap = [{ host: 'nqn.x:h', sealedSecret: 's', sealedControllerSecret: 's' }]
    const view = viewOf({ access: { ...OPEN, chap, dhchap } })
    const text = linesOf(view, /./)
    expect(text).toContain("-n 'node.session.auth.username' -v 'o'\\''neil; reboot'\n")
    expect(text).toContain('-n \'node.session.auth.password_in\' -v "$(cat mutual-secret)"')
    expect(text).toContain('--dhchap-secret="$(cat dhchap-secret)" --dhchap-ctrl-secret=')
    expect(attachInfo(view)).toMatchObject({ iscsi: { hasChap: true }, nvme: { hasDhchap: true } })
  })

  it('warns of what will keep the host from it', () => {
    expect(codesOf(viewOf())).toEqual([])
    const nobody = { initiators: null, chap: null, hosts: null, dhchap: [] }
    expect(codesOf(viewOf({ access: nobody }))).toEqual(['no_access_rules'])
    expect(codesOf(viewOf({ access: { ...nobody, initiators: [], hosts: [] } }))).toEqual([
      'no_initiators',
      'no_hosts',
    ])
    const here = [path('a', 0, 'active', '127.0.0.1')]
    expect(codesOf(viewOf({ isMultipath: true }, { paths: here }))).toEqual(['loopback_portal', 'one_path'])
    expect(codesOf(viewOf({}, { paths: [], isServing: false }))).toEqual(['no_portals', 'not_serving'])
  })
})
