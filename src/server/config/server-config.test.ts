import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { formatUuid } from '../../base/uuid.ts'
import { compareServerConfigs, loadServerConfig, type ServerConfig } from './server-config.ts'

const directory = mkdtempSync(join(tmpdir(), 'basalt-server-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

const KEY = 'a-cluster-key-0123456789'
const ID = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
let files = 0
function write(text: string, mode = 0o600): string {
  const path = join(directory, `${++files}.file`)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const given = (): Record<string, string> => ({
  data: '/d',
  'cluster-id': ID,
  'cluster-key': write(`${KEY}\n`),
})
const load = (
  flags: Record<string, string>,
  environment: Record<string, string> = {},
): Promise<ServerConfig> => loadServerConfig({ flags, environment })

describe('the configuration of a block server', () => {
  it('listens on loopback unless told, and reads the cluster from flags, variables or the file', async () => {
    const { settings, clusterKey } = await load(given())
    expect(settings.replication).toEqual({ host: '127.0.0.1', port: 7460 })
    expect(settings.http).toEqual({ host: '127.0.0.1', port: 7462 })
    expect(formatUuid(settings['cluster-id'])).toBe(ID)
    expect(clusterKey.lend((bytes) => Buffer.from(bytes).toString())).toBe(KEY)

    const config = write(
      `data: /x\ncluster-id: ${ID.toUpperCase()}\ncluster-key: key\nreplication: 127.0.0.1:1\n`,
    )
    writeFileSync(join(directory, 'key'), KEY, { mode: 0o600 })
    const fromFile = await load({ config }, { BASALT_REPLICATION: '127.0.0.1:2' })
    expect(fromFile.settings).toMatchObject({
      data: '/x',
      'cluster-key': join(directory, 'key'),
      replication: { host: '127.0.0.1', port: 2 },
    })
  })

  it('never shows the key', async () => {
    const config = await load(given())
    expect(inspect(config)).not.toContain(KEY)
    expect(JSON.stringify(config)).not.toContain(KEY)
  })

  it('names the flag of what is missing, wrong or too open', async () => {
    await expect(load({ data: '/d' })).rejects.toThrow(/^--cluster-id is missing: .*BASALT_CLUSTER_ID/)
    await expect(load({ ...given(), 'cluster-id': '1234' })).rejects.toThrow(
      /^--cluster-id: '1234' is not a UUID/,
    )
    await expect(load({ ...given(), 'cluster-key': '/none' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(load({ ...given(), 'cluster-key': write('short') })).rejects.toThrow(/^--cluster-key: /)
    await expect(load({ ...given(), http: '0.0.0.0:1' })).rejects.toThrow(/^--http .*--http-token-file/)
    await expect(load({ ...given(), iscsi: '0.0.0.0:1' })).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const volume = write('volume: v\n')
    await expect(load({ ...given(), config: volume })).rejects.toThrow(/unknown key 'volume'/)
  })

  it('warns of a key that others may read', async () => {
    const { warnings } = await load({ ...given(), 'cluster-key': write(KEY, 0o644) })
    expect(warnings).toEqual([expect.stringMatching(/others may read it/)])
  })

  it('replicates outside loopback with certificates, or plainly where that is said', async () => {
    const outside = { ...given(), replication: '192.0.2.1:7460' }
    await expect(load(outside)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(/^--replication 192\.0\.2\.1:7460 .*--tls-ca.*--plain-replication/),
    })
    const plain = await load({ ...outside, 'plain-replication': 'true' })
    expect(plain.warnings).toEqual([expect.stringMatching(/not encrypted/)])
    const tls = { 'tls-ca': '/ca', 'tls-cert': '/cert', 'tls-key': '/key' }
    expect((await load({ ...outside, ...tls })).warnings).toEqual([])
    await expect(load({ ...outside, 'tls-cert': '/cert' })).rejects.toThrow(/give all three or none/)
    await expect(load({ ...given(), 'tls-key': '/key' })).rejects.toThrow(/give all three or none/)
  })

  it('takes over levels, times and access while it runs, and nothing else', async () => {
    const running = await load(given())
    const read = await load({ ...given(), 'log-level': 'debug', http: '127.0.0.1:9' })
    expect(compareServerConfigs(running, read)).toEqual({
      applied: ['log-level'],
      needRestart: ['cluster-key', 'http'],
    })
  })
})
