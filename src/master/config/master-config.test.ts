import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { RealRandom } from '../../io/random.ts'
import { initCluster } from '../security/cluster-directory.ts'
import { compareMasterConfigs, loadMasterConfig, type MasterConfig } from './master-config.ts'

const directory = fs.mkdtempSync(join(tmpdir(), 'basalt-master-config-'))
afterAll(() => fs.rmSync(directory, { recursive: true }))
let count = 0
const write = (content: string, mode = 0o600): string => {
  const path = join(directory, `file-${++count}`)
  fs.writeFileSync(path, content, { mode })
  return path
}
const ID = '8181269c-6394-4eb2-8b7b-37de6b51ca95'
const load = (flags: Record<string, string>): Promise<MasterConfig> =>
  loadMasterConfig({ flags: { data: '/d', 'cluster-id': ID, ...flags }, environment: {} })

describe('the configuration of a master', () => {
  it('listens on loopback unless told', async () => {
    const { settings, initialTokens, httpTls, warnings } = await load({})
    expect(settings).toMatchObject({
      http: { host: '127.0.0.1', port: 7470 },
      grpc: { host: '127.0.0.1', port: 7471 },
      'replace-after': 600_000,
      'cors-origins': [],
    })
    expect([initialTokens, httpTls, warnings]).toEqual([[], undefined, []])
  })

  it("is what 'basalt cluster init' writes", async () => {
    const path = join(directory, 'cluster')
    const servers = [{ name: 'a', host: '10.0.0.2' }]
    await initCluster({ random: new RealRandom(), wallMs: Date.now() }, path, { master: '10.0.0.1', servers })
    const flags = { config: join(path, 'master/master.yaml') }
    const { settings, initialTokens, warnings } = await loadMasterConfig({ flags, environment: {} })
    expect(settings).toMatchObject({
      data: join(path, 'master/data'),
      grpc: { host: '10.0.0.1', port: 7471 },
      'tls-key': join(path, 'master/node.key'),
      'secrets-key': join(path, 'master/secrets.key'),
    })
    expect(initialTokens.map(({ role }) => role)).toEqual(['admin', 'server'])
    expect(warnings).toEqual([])
  })

  it('refuses what is too open, and warns of tokens that can be read on the way', async () => {
    await expect(load({ grpc: '0.0.0.0:7471' })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(/^--grpc 0\.0\.0\.0:7471 .*--tls-ca/),
    })
    const { warnings } = await load({ http: '0.0.0.0:7470' })
    expect(warnings).toEqual([expect.stringMatching(/^--http 0\.0\.0\.0:7470 .*--http-tls-cert/)])
  })

  it('names what is wrong', async () => {
    const wrong: [Record<string, string>, RegExp][] = [
      [{ 'replace-after': '1s' }, /^--replace-after: '1s' is not between 10s and 168h/],
      [{ 'cors-origins': 'https://a.example,b' }, /^--cors-origins: 'b' is not an origin/],
      [{ 'initial-tokens': write('{') }, /^--initial-tokens: .* is not JSON/],
      [{ 'initial-tokens': write('[{"role":"root"}]') }, /^--initial-tokens: .* is not a list of tokens/],
      [{ 'http-tls-cert': write('') }, /give both or none/],
      [{ 'tls-cert': '/c' }, /give all three or none/],
      [{ config: write('initiators: [iqn.2026-11.org.example:a]\n') }, /basalt volume access/],
    ]
    for (const [flags, message] of wrong) await expect(load(flags)).rejects.toThrow(message)
    await expect(load({ grpc: '10.0.0.1:1', 'tls-cert': '/c' })).rejects.toThrow(/give all three or none/)
  })

  it('takes over level and times while it runs', async () => {
    const read = await load({ 'log-level': 'debug', 'replace-after': '1h' })
    expect(compareMasterConfigs(await load({}), read)).toEqual({
      applied: ['log-level'],
      needRestart: ['replace-after'],
    })
  })
})
