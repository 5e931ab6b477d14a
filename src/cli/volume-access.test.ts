import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MasterDouble, volume } from './test-support/master-double.ts'
import { type Run, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
let directory: string
beforeEach(async () => {
  master = await new MasterDouble().listen()
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
})
afterEach(() => {
  master.close()
  rmSync(directory, { recursive: true })
})

const run = (args: string): Promise<Run> => runCli([...args.split(' '), '--master', master.url])

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const NVME = { hosts: null, dhchap: [] }
const HOST = 'nqn.2014-08.org.nvmexpress:uuid:0e6d3b9a'

describe('volume access', () => {
  const chap = { user: 'u', mutual_user: 'm' }
  beforeEach(() => {
    master.answers['GET /block/volume/db1'] = [200, volume()]
    master.answers['PUT /block/volume/db1/access'] = [
      200,
      volume({ access: { ...NVME, initiators: ['iqn.2026-11.org.example:h1'], chap } }),
    ]
  })

  it('shows who is let in', async () => {
    expect((await run('volume access db1')).out).toBe(
      'initiators    as the servers are configured\nCHAP          off\n' +
        'NVMe hosts    as the servers are configured\nDH-HMAC-CHAP  off\n',
    )
    master.answers['GET /block/volume/db1'] = [200, volume({ access: { ...NVME, initiators: [], chap } })]
    expect((await run('volume access db1')).out).toBe(
      'initiators    none: nobody is let in\nCHAP          user u\nmutual CHAP   user m\n' +
        'NVMe hosts    as the servers are configured\nDH-HMAC-CHAP  off\n',
    )
  })

  it('sends secrets from files, and keeps what was not named', async () => {
    const secret = file('secret', 'abcdefghijkl\n')
    const mutual = file('mutual', 'mnopqrstuvwx\n')
    const { out } = await run(
      `volume access db1 --chap-user u --chap-secret-file ${secret} --mutual-user m --mutual-secret-file ${mutual}`,
    )
    expect(master.last?.body).toEqual({
      ...NVME,
      initiators: null,
      chap: { user: 'u', secret: 'abcdefghijkl', mutual: { user: 'm', secret: 'mnopqrstuvwx' } },
    })
    expect(out).not.toContain('abcdefghijkl')
    await run(
      'volume access db1 --initiator iqn.2026-11.org.example:H1 --initiator iqn.2026-11.org.example:h2',
    )
    expect(master.last?.body).toEqual({
      ...NVME,
      initiators: ['iqn.2026-11.org.example:h1', 'iqn.2026-11.org.example:h2'],
      chap: null,
    })
    await run('volume access db1 --no-initiators')
    expect(master.last?.body).toEqual({ ...NVME, initiators: [], chap: null })
  })

  it('does not drop a secret that it cannot read back', async () => {
    master.answers['GET /block/volume/db1'] = [200, volume({ access: { ...NVME, initiators: null, chap } })]
    const kept = await run('volume access db1 --no-initiators')
    expect(kept).toMatchObject({ code: 2, err: expect.stringMatching(/CHAP is on for 'db1'.*--no-chap/) })
    expect((await run('volume access db1 --no-initiators --no-chap')).code).toBe(0)
    expect(master.last?.body).toEqual({ ...NVME, initiators: [], chap: null })
  })

  it('names NVMe hosts and their secrets, and keeps what was not named', async () => {
    const [secret, other] = [file('secret', 'DHHC-1:00:a:\n'), file('other', 'DHHC-1:00:b:\n')]
    const { code, out } = await run(
      `volume access db1 --host ${HOST} --dhchap-secret-file ${HOST}=${secret} --dhchap-controller-secret-file ${HOST}=${other}`,
    )
    expect(code).toBe(0)
    expect(master.last?.body).toEqual({
      initiators: null,
      chap: null,
      hosts: [HOST],
      dhchap: [{ host: HOST, secret: 'DHHC-1:00:a:', controller_secret: 'DHHC-1:00:b:' }],
    })
    expect(out).not.toContain('DHHC-1')
    await run('volume access db1 --no-hosts')
    expect(master.last?.body).toEqual({ initiators: null, chap: null, hosts: [], dhchap: [] })
    const dhchap = [{ host: HOST, controller: true }]
    master.answers['GET /block/volume/db1'] = [
      200,
      volume({ access: { initiators: null, chap: null, hosts: [HOST], dhchap } }),
    ]
    expect((await run('volume access db1')).out).toContain(`NVMe hosts    ${HOST}\nDH-HMAC-CHAP  on\n`)
    expect(await run('volume access db1 --any-host')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/DH-HMAC-CHAP is on for 'db1'.*--no-dhchap/),
    })
    expect((await run('volume access db1 --any-host --no-dhchap')).code).toBe(0)
    expect(master.last?.body).toMatchObject({ hosts: null, dhchap: [] })
  })

  it.each([
    ['--host nonsense', /'nonsense' is not the NQN of a host/],
    ['--any-host --no-hosts', /exclude each other/],
    ['--dhchap-secret-file x', /write NQN=FILE/],
    ['--dhchap-controller-secret-file nqn.2026-11.a:b=x', /needs --dhchap-secret-file/],
    ['--no-dhchap --dhchap-secret-file nqn.2026-11.a:b=x', /goes with no other flag/],
    ['--initiator nonsense', /'nonsense' is not an iSCSI name/],
    ['--any-initiator --no-initiators', /exclude each other/],
    ['--chap-user u', /go together/],
    ['--mutual-user m', /go together/],
    ['--no-chap --chap-user u', /goes with no other flag/],
  ])('refuses %s', async (flags, sentence) => {
    const { code, err } = await run(`volume access db1 ${flags}`)
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
    expect(master.asked).toEqual([])
  })
})

describe('volume attach-info', () => {
  const info = {
    id: 'u',
    name: 'db1',
    sections: [
      {
        protocol: 'iscsi',
        title: 'multipath',
        file: '/etc/multipath/conf.d/basalt.conf',
        lines: ['devices {', '}'],
      },
      { protocol: 'iscsi', title: 'iSCSI', file: null, lines: ["iscsiadm -m node -n 'a' -v '\u001b[31m'"] },
    ],
    warnings: [{ code: 'loopback_portal', message: 'portals are loopback addresses' }],
  }
  beforeEach(() => {
    master.answers['GET /block/volume/db1/attach-info'] = [200, info]
  })

  it('is a script as it stands, with what to know as comments', async () => {
    expect(await run('volume attach-info db1')).toEqual({
      code: 0,
      out:
        '# warning: portals are loopback addresses\n\n' +
        "# db1: multipath\ncat > /etc/multipath/conf.d/basalt.conf <<'END'\ndevices {\n}\nEND\n\n" +
        "# db1: iSCSI\niscsiadm -m node -n 'a' -v '?[31m'\n",
      err: 'warning: portals are loopback addresses\n',
    })
  })

  it('is with --json what the API says', async () => {
    const { out, err } = await run('volume attach-info db1 --json')
    expect(JSON.parse(out)).toEqual(info)
    expect(err).toBe('')
    expect((await run('volume attach-info nope')).code).toBe(3)
  })
})
