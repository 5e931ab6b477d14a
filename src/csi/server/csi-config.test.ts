import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { CSI_SETTINGS, loadCsiConfig } from './csi-config.ts'

const load = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
  loadCsiConfig({ flags: { endpoint: '/run/csi.sock', ...flags }, environment })

describe('the configuration of a driver', () => {
  it.each(['unix:///run/csi.sock', 'unix:/run/csi.sock', '/run/csi.sock'])(
    'takes %s for a socket',
    async (endpoint) => {
      expect((await load({ endpoint })).settings.endpoint).toBe('/run/csi.sock')
    },
  )

  it.each(['tcp://0.0.0.0:10000', 'csi.sock', '', 'unix://csi.sock', `/${'x'.repeat(107)}`, '/run/csi/'])(
    'takes %s for none',
    async (endpoint) => {
      await expect(load({ endpoint })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  it('takes the socket of the orchestrator when it is given none', async () => {
    const { settings } = await loadCsiConfig({
      flags: {},
      environment: { CSI_ENDPOINT: 'unix:///csi/csi.sock' },
    })
    expect(settings.endpoint).toBe('/csi/csi.sock')
    const both = { CSI_ENDPOINT: '/a', BASALT_ENDPOINT: '/b' }
    expect((await loadCsiConfig({ flags: {}, environment: both })).settings.endpoint).toBe('/b')
  })

  it('takes an empty zone for none, and a place that is none for a mistake', async () => {
    expect((await load({ zone: '', rack: 'r1' })).settings).toMatchObject({ zone: undefined, rack: 'r1' })
    await expect(load({ zone: 'a/b' })).rejects.toThrow('--zone')
  })

  it('calls the node by its flag, else like the host', async () => {
    expect((await load({ 'node-id': 'node-7' })).nodeId).toBe('node-7')
    expect((await load({ mode: 'controller' })).nodeId).toBe(hostname().toLowerCase())
    await expect(load({ 'node-id': 'Node 7' })).rejects.toThrow('--node-id')
  })

  it('reads the mode of the socket in octal digits', async () => {
    expect((await load({ 'socket-mode': '600' })).settings['socket-mode']).toBe(0o600)
    await expect(load({ 'socket-mode': '0999' })).rejects.toThrow('--socket-mode')
  })

  it('keeps the token of the environment to itself, and warns of a fake host', async () => {
    const config = await load({ host: 'fake' }, { BASALT_TOKEN: ' secret-token \n' })
    expect(config.token).toBe('secret-token')
    expect(config.warnings).toEqual([expect.stringContaining('--host fake')])
    expect(JSON.stringify(config.settings)).not.toContain('secret-token')
  })

  it('has every setting in the documentation', () => {
    const page = readFileSync(new URL('../../../docs/csi.md', import.meta.url), 'utf8')
    for (const name of Object.keys(CSI_SETTINGS)) expect(page, name).toContain(`\`${name}\``)
  })
})
