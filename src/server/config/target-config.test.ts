import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import { Secret } from '../../frontend/secret.ts'
import { compareConfigs, loadTargetConfig, type TargetConfig } from './target-config.ts'

const directory = mkdtempSync(join(tmpdir(), 'basalt-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function write(text: string, mode = 0o600): string {
  const path = join(directory, `${++files}.yaml`)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const GIVEN = { data: '/d', volume: 'v' }
const load = (
  flags: Record<string, string | boolean>,
  environment: Record<string, string> = {},
): Promise<TargetConfig> => loadTargetConfig({ flags, environment })
const loadFile = (text: string): Promise<TargetConfig> => load({ ...GIVEN, config: write(text) })

async function refusal(promise: Promise<unknown>): Promise<BlockError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(BlockError)
  return error as BlockError
}

describe('where a setting comes from', () => {
  it('prefers flag to variable to file to default', async () => {
    const config = write('log-level: error\ndrain-timeout: 5s\nsize: 3GiB\n')
    const environment = { BASALT_LOG_LEVEL: 'warn', BASALT_SIZE: '2GiB', BASALT_CONFIG: config }
    const { settings } = await load({ ...GIVEN, 'log-level': 'debug' }, environment)
    expect(settings['log-level']).toBe('debug')
    expect(settings.size).toBe(2 * 1024 ** 3)
    expect(settings['drain-timeout']).toBe(5000)
    expect(settings.iscsi).toEqual([{ host: '127.0.0.1', port: 3260 }])
    expect(settings.admin).toEqual({ host: '127.0.0.1', port: 7462 })
  })

  it('lets a switch be turned off over the file', async () => {
    const config = write('read-only: true\n')
    expect((await load({ ...GIVEN, config })).settings['read-only']).toBe(true)
    expect((await load({ ...GIVEN, config, 'read-only': false })).settings['read-only']).toBe(false)
    expect((await load({ ...GIVEN, config }, { BASALT_READ_ONLY: '0' })).settings['read-only']).toBe(false)
  })

  it('takes every setting from the file alone, with numbers where they are natural', async () => {
    const { settings } = await load({
      config: write('data: /x\nvolume: v\nsize: 1048576\nlogical-block: 4096\naccept-log-loss: 5..9\n'),
    })
    expect(settings).toMatchObject({
      data: '/x',
      size: 1048576,
      'logical-block': 4096,
      'accept-log-loss': { fromLsn: 5, toLsn: 9 },
    })
  })

  it('says how a missing setting can be given', async () => {
    const error = await refusal(load({ volume: 'v' }))
    expect(error.message).toContain('--data is missing')
    expect(error.message).toContain('BASALT_DATA')
  })

  it('warns of a variable that looks mistyped', async () => {
    const { warnings } = await load(GIVEN, { BASALT_LOG_LEVLE: 'debug', BASALT_SERVICE_HOST: 'x' })
    expect(warnings).toEqual(['BASALT_LOG_LEVLE is not a setting; did you mean BASALT_LOG_LEVEL?'])
  })
})

describe('values', () => {
  it.each([
    ['volume', '../etc', /--volume: '..\/etc' is not a volume name/],
    ['volume', 'a\u0000b', /--volume: 'a\?b'/],
    ['volume', 'a%2fb', /--volume/],
    ['volume', 'аbc', /--volume/],
    ['volume', 'a'.repeat(300), /--volume/],
    ['size', '1G', /--size: '1G' is ambiguous; write 1GiB/],
    ['logical-block', '1024', /--logical-block: '1024'.*512 or 4096/],
    ['iscsi', '3260', /--iscsi: '3260' is not HOST:PORT/],
    ['iscsi', '127.0.0.1:70000', /--iscsi/],
    ['iscsi-portal', '0.0.0.0:3260', /--iscsi-portal: hosts cannot connect to 0.0.0.0:3260/],
    ['nvme-portal', '[::]:4420', /--nvme-portal: hosts cannot connect to/],
    ['nqn-prefix', 'basalt', /--nqn-prefix: 'basalt' must begin with 'nqn\.'/],
    ['nqn-prefix', 'nqn.2026-11.org.example:', /--nqn-prefix/],
    ['iscsi', '127.0.0.1:1,127.0.0.1:1', /--iscsi: 127.0.0.1:1 is given twice/],
    ['iscsi', Array(17).fill('127.0.0.1:0').join(), /--iscsi: 17 portals; at most 16/],
    ['iqn-prefix', 'basalt', /--iqn-prefix: 'basalt' is not an iSCSI name/],
    ['accept-log-loss', '9..5', /--accept-log-loss: '9..5' is not FROM..TO/],
    ['log-level', 'loud', /--log-level: 'loud' is not a level/],
    ['drain-timeout', '30', /--drain-timeout: '30' is not a duration/],
    ['drain-timeout', '61m', /--drain-timeout: '61m' is more than an hour/],
  ])('refuses --%s %s and names the flag', async (name, value, expected) => {
    const error = await refusal(load({ ...GIVEN, [name]: value }))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.message).toMatch(expected)
  })

  it('names the variable that holds a wrong value', async () => {
    expect((await refusal(load(GIVEN, { BASALT_SIZE: 'big' }))).message).toMatch(/^BASALT_SIZE: 'big'/)
  })
})

describe('the file', () => {
  it.each([
    ['an unknown key', 'sise: 1GiB\n', /:1:1: unknown key 'sise'; did you mean 'size'\?$/],
    [
      'an unknown key below',
      'chap:\n  user: a\n  sekret: b\n',
      /:3:3: unknown key 'sekret'; did you mean 'secret'\?$/,
    ],
    ['a wrong kind', 'read-only: maybe\n', /:1:12: read-only: expected true or false, found a text$/],
    ['nothing', 'data:\n', /:1:6: data: expected a directory, found nothing$/],
    ['a list at the top', '- a\n', /:1:1: the file: expected settings by name, found a list$/],
    ['a wrong value', 'log-level: info\nsize: 1GB\n', /:2:7: size: '1GB' is ambiguous/],
    ['a missing user', 'chap:\n  secret: "123456789012"\n', /:2:3: chap: user is missing$/],
    [
      'a number as secret',
      'chap:\n  user: a\n  secret: 123456789012\n',
      /:3:11: chap.secret: expected a secret in quotes, found a number$/,
    ],
    ['no secret', 'chap:\n  user: a\n', /:2:3: chap: give either secret or secret-file$/],
    ['a short secret', 'chap:\n  user: a\n  secret: "12345678901"\n', /:2:3: chap: the secret has 11 bytes/],
    [
      'one secret both ways',
      'chap:\n  user: a\n  secret: "123456789012"\n  mutual:\n    user: b\n    secret: "123456789012"\n',
      /chap.mutual: its secret is the one of chap/,
    ],
    ['nobody', 'initiators: []\n', /:1:13: initiators: an empty list admits nobody/],
    [
      'a bad initiator',
      'initiators:\n  - iqn.2026-11.org.example:a\n  - host1\n',
      /:3:5: initiators: 'host1' is not an iSCSI name/,
    ],
    ['not YAML', 'a: [\n', /:\d+:\d+: /],
  ])('refuses %s and names its place', async (_, text, expected) => {
    const error = await refusal(loadFile(text))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.message).toMatch(expected)
    expect(error.message).not.toContain('123456789012')
  })

  it('reads CHAP both ways, one secret from a file beside it, and initiators in lower case', async () => {
    writeFileSync(join(directory, 'mutual'), 'abcdefghijkl\n', { mode: 0o600 })
    const { access, warnings } = await loadFile(
      'chap:\n  user: a\n  secret: "123456789012"\n  mutual:\n    user: b\n    secret-file: mutual\ninitiators:\n  - iqn.2026-11.org.Example:A\n',
    )
    expect(access.chap?.secret.equals(Secret.fromText('123456789012'))).toBe(true)
    expect(access.chap?.mutual?.secret.equals(Secret.fromText('abcdefghijkl'))).toBe(true)
    expect(access.initiators).toEqual(['iqn.2026-11.org.example:a'])
    expect(warnings).toEqual([])
    expect(inspect(access, { depth: 9 }) + JSON.stringify(access)).not.toMatch(/123456789012|abcdefghijkl/)
  })

  it('warns of secrets that others may read and of long ones', async () => {
    const config = write('chap:\n  user: a\n  secret: "12345678901234567"\n', 0o644)
    const { warnings } = await load({ ...GIVEN, config })
    expect(warnings).toEqual([
      expect.stringContaining('some initiators take no more than 16'),
      expect.stringContaining('chmod 600'),
    ])
  })

  it('says which file is missing', async () => {
    const error = await refusal(load({ ...GIVEN, config: '/nowhere/basalt.yaml' }))
    expect(error.code).toBe('NOT_FOUND')
    expect(error.message).toBe('--config: /nowhere/basalt.yaml does not exist')
  })
})

describe('several portals', () => {
  const TWO = [
    { host: '127.0.0.1', port: 1 },
    { host: '::1', port: 2 },
  ]

  it.each<[string, () => Promise<TargetConfig>]>([
    ['the flag', () => load({ ...GIVEN, iscsi: '127.0.0.1:1, [::1]:2' })],
    ['the variable', () => load(GIVEN, { BASALT_ISCSI: '127.0.0.1:1,[::1]:2' })],
    ['the file', () => loadFile("iscsi: ['127.0.0.1:1', '[::1]:2']\n")],
  ])('may be given by %s', async (_, read) => {
    expect((await read()).settings.iscsi).toEqual(TWO)
  })

  it('need as many addresses to be told as there are', async () => {
    const two = { ...GIVEN, iscsi: '127.0.0.1:1,127.0.0.1:2' }
    const one = { ...two, 'iscsi-portal': '10.0.2.2:1' }
    expect((await refusal(load(one))).message).toMatch(
      /--iscsi-portal names 1 and --iscsi 2; give one for each/,
    )
    const both = { ...two, 'iscsi-portal': '10.0.2.2:1,10.0.3.2:2' }
    expect((await load(both)).settings['iscsi-portal']).toEqual([
      { host: '10.0.2.2', port: 1 },
      { host: '10.0.3.2', port: 2 },
    ])
  })

  it('are open to all when one of them is', async () => {
    const open = { ...GIVEN, iscsi: '127.0.0.1:1,0.0.0.0:2' }
    expect((await refusal(load(open))).message).toContain('--iscsi 0.0.0.0:2')
  })
})

describe('deny by default', () => {
  it('refuses iSCSI outside loopback without CHAP or initiators', async () => {
    const open = { ...GIVEN, iscsi: '0.0.0.0:3260' }
    expect((await refusal(load(open))).code).toBe('ACCESS_DENIED')
    const config = write('initiators: [iqn.2026-11.org.example:a]\n')
    expect((await load({ ...open, config })).access.initiators).toHaveLength(1)
  })

  it('refuses the admin API outside loopback without a token', async () => {
    const open = { ...GIVEN, admin: '[::]:7462' }
    expect((await refusal(load(open))).message).toContain('--admin [::]:7462')
    const token = write('0123456789abcdef\n')
    expect((await load({ ...open, 'admin-token-file': token })).adminToken?.lengthBytes).toBe(16)
  })

  it('refuses a short token', async () => {
    const error = await refusal(load({ ...GIVEN, 'admin-token-file': write('short\n') }))
    expect(error.message).toContain('at least 16 printable characters')
  })
})

describe('a reload', () => {
  it('tells what it can change from what needs a restart', async () => {
    const running = await loadFile('log-level: info\nchap:\n  user: a\n  secret: "123456789012"\n')
    const read = await loadFile(
      'log-level: warn\niscsi: 127.0.0.1:1\nchap:\n  user: a\n  secret: "123456789013"\n',
    )
    expect(compareConfigs(running, read)).toEqual({ applied: ['log-level', 'chap'], needRestart: ['iscsi'] })
    expect(compareConfigs(running, running)).toEqual({ applied: [], needRestart: [] })
  })
})
