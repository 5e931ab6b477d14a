import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { behaviour } from '../case.ts'
import { csiClient } from '../fixture/client.ts'

export const IDENTITY = behaviour('identity', {
  'GetPluginInfo has a name in the form of a domain and a version': async ({ client }) => {
    const { name, vendorVersion } = await client.identity.GetPluginInfo({})
    assert.match(name, /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$/)
    assert.notEqual(vendorVersion, '')
  },
  'Probe is ready while the master answers': async ({ client }) => {
    assert.deepEqual(await client.identity.Probe({}), { ready: { value: true } })
  },
  'both drivers of one cluster have one name': async ({ client, drivers }) => {
    const other = await drivers.controller.client.identity.GetPluginInfo({})
    assert.equal((await client.identity.GetPluginInfo({})).name, other.name)
  },
  'Probe says not ready while the master is away, and ready when it is back': async ({ client, drivers }) => {
    const { master } = drivers.cluster
    await master.kill()
    try {
      assert.deepEqual(await client.identity.Probe({}), { ready: { value: false } })
    } finally {
      await master.start()
      await drivers.cluster.connected(drivers.cluster.servers.length)
    }
    assert.deepEqual(await client.identity.Probe({}), { ready: { value: true } })
  },
  'a node alone is ready without a master': async ({ drivers }) => {
    const { client } = await drivers.more('lonely', 'node', ['--master', 'http://127.0.0.1:9'])
    assert.deepEqual(await client.identity.Probe({}), { ready: { value: true } })
  },
  'the ready line says where it serves': async ({ drivers }) => {
    const { endpoint, mode, node, driver } = drivers.all.ready
    assert.ok(existsSync(endpoint.slice('unix://'.length)))
    assert.deepEqual({ mode, node, driver }, { mode: 'all', node: 'node-a', driver: 'csi.basalt.io' })
  },
  'a stop answers what is under way, and takes the socket away': async ({ drivers }) => {
    const { client, child, ready } = await drivers.more('stopped', 'controller', [])
    const path = ready.endpoint.slice('unix://'.length)
    assert.equal(statSync(path).mode & 0o777, 0o660)
    await client.identity.Probe({})
    const { code } = await child.stop()
    assert.equal(code, 0)
    assert.equal(existsSync(path), false)
  },
  'a driver that was killed leaves a socket that the next one takes': async ({ drivers }) => {
    const first = await drivers.more('again', 'controller', [])
    await first.child.kill()
    assert.ok(existsSync(first.ready.endpoint.slice('unix://'.length)))
    await drivers.more('again', 'controller', [])
    const client = csiClient(first.ready.endpoint.slice('unix://'.length))
    assert.deepEqual(await client.identity.Probe({}), { ready: { value: true } })
    client.close()
  },
})
