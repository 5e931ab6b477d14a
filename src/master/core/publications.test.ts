/** Publications and presets as people ask for them, over scripted servers in virtual time. */
import { describe, expect, it } from 'vitest'
import { JobWorld, newVolume } from '../../../test/support/master/job-world.ts'
import { BlockError } from '../../base/errors.ts'
import { isOver } from '../jobs/turns.ts'
import type { MasterApi, PublishWish } from '../master-api.ts'
import { effectiveAccess } from './effective-access.ts'

const ANNA = { actor: 'anna', requestId: 'r-1' }
const wish = (node: string, different: Partial<PublishWish> = {}): PublishWish => ({
  node,
  initiator: `iqn.2026-11.io.basalt:node:${node}`,
  host: `nqn.2026-11.io.basalt:node:${node}`,
  dhchap: null,
  isReadOnly: false,
  isShared: false,
  ...different,
})

async function started(arrange: (world: JobWorld) => void = (w) => w.addVolume('v', ['s1', 's2'])) {
  const world = new JobWorld()
  arrange(world)
  await world.start()
  const ask = <T>(call: (master: MasterApi) => Promise<T>): Promise<T> =>
    world.scheduler.until(call(world.master), { what: 'an answer' })
  return { world, ask }
}

async function refusalOf(call: Promise<unknown>): Promise<object> {
  const error = await call.then(
    () => undefined,
    (one: unknown) => one,
  )
  if (!(error instanceof BlockError)) throw new Error(`not refused: ${String(error)}`)
  const { reason, node } = error.facts
  return { code: error.code, reason, ...(node === undefined ? {} : { node }) }
}

describe('a publication', () => {
  it('lets a node in beside the lists, once, and is taken back', async () => {
    const { world, ask } = await started()
    const made = await ask((m) => m.publishVolume(ANNA, 'v', wish('a')))
    expect(made.record.publications).toMatchObject([{ node: 'a', isReadOnly: false, isShared: false }])
    const version = made.record.accessVersion
    expect(version).toBe(1)
    expect((await ask((m) => m.publishVolume(ANNA, 'v', wish('a')))).record.accessVersion).toBe(version)
    // a list that was never made is an empty one while it is published
    expect(effectiveAccess(made.record)).toMatchObject({
      initiators: ['iqn.2026-11.io.basalt:node:a'],
      hosts: ['nqn.2026-11.io.basalt:node:a'],
    })
    const lists = { initiators: ['iqn.x:own'], chap: null, hosts: null, dhchap: [] }
    await ask((m) => m.setAccess(ANNA, 'v', lists))
    const { record } = world.master.volume('v')
    expect(effectiveAccess(record).initiators).toEqual(['iqn.x:own', 'iqn.2026-11.io.basalt:node:a'])
    await ask((m) => m.unpublishVolume(ANNA, 'v', 'a'))
    await ask((m) => m.unpublishVolume(ANNA, 'v', 'a'))
    const after = world.master.volume('v').record
    expect(after).toMatchObject({ publications: [], accessVersion: version + 2, access: lists })
    expect(effectiveAccess(after)).toBe(after.access)
    const kinds = world.master.events({ limit: 10 }).map(({ kind }) => kind)
    expect(kinds).toEqual(['volume.published', 'volume.access_changed', 'volume.unpublished'])
  })

  it('is refused beside another one that is not shared, and in another way', async () => {
    const { ask } = await started()
    const publish = (one: PublishWish): Promise<object> =>
      refusalOf(ask((m) => m.publishVolume(ANNA, 'v', one)))
    await ask((m) => m.publishVolume(ANNA, 'v', wish('a', { isShared: true })))
    const elsewhere = { code: 'CONFLICT', reason: 'published_elsewhere', node: 'a' }
    expect(await publish(wish('b'))).toEqual(elsewhere)
    await ask((m) => m.publishVolume(ANNA, 'v', wish('b', { isShared: true, isReadOnly: true })))
    expect(await publish(wish('c'))).toEqual(elsewhere)
    expect(await publish(wish('b', { isShared: true }))).toEqual({
      code: 'CONFLICT',
      reason: 'published_differently',
    })
    const twin = wish('c', { isShared: true, host: 'nqn.2026-11.io.basalt:node:A' })
    expect(await publish(twin)).toEqual({ code: 'CONFLICT', reason: 'name_in_use', node: 'a' })
    expect(await publish(wish('c', { initiator: null, host: null }))).toMatchObject({
      reason: 'nobody_named',
    })
    expect(await publish(wish('c', { initiator: 'nonsense' }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('may have the secret of a host, which can be changed, and goes with it', async () => {
    const { world, ask } = await started()
    const secret = (text: string, controller: string | null = null) => ({
      sealedSecret: `sealed:${text}`,
      sealedControllerSecret: controller === null ? null : `sealed:${controller}`,
    })
    const publish = (dhchap: PublishWish['dhchap'], node = 'a') =>
      ask((m) => m.publishVolume(ANNA, 'v', wish(node, { dhchap, isShared: true })))
    const host = 'nqn.2026-11.io.basalt:node:a'
    const { record } = await publish(secret('one', 'two'))
    expect(effectiveAccess(record).dhchap).toEqual([{ host, ...secret('one', 'two') }])
    expect((await publish(secret('one', 'two'))).record.accessVersion).toBe(record.accessVersion)
    for (const other of [secret('one'), secret('new', 'two')]) {
      const changed = (await publish(other)).record
      expect(effectiveAccess(changed).dhchap).toEqual([{ host, ...other }])
      expect(changed.publications).toMatchObject([{ node: 'a', since: record.publications[0]?.since }])
    }
    expect(await refusalOf(publish(null))).toMatchObject({ reason: 'published_differently' })
    expect(await refusalOf(publish(null, 'b'))).toEqual({
      ...{ code: 'CONFLICT', reason: 'secrets_mixed', node: 'a' },
    })
    await publish(secret('three'), 'b')
    const nobody = wish('c', { host: null, dhchap: secret('x'), isShared: true })
    expect(await refusalOf(ask((m) => m.publishVolume(ANNA, 'v', nobody)))).toMatchObject({
      reason: 'dhchap_host',
    })
    // the node's own stands for one that the volume's list has of the same host
    const hosts = [host.toUpperCase(), 'nqn.2026-11.io.basalt:other']
    const dhchap = hosts.map((one) => ({ host: one, ...secret('of the list') }))
    await ask((m) => m.setAccess(ANNA, 'v', { initiators: [], chap: null, hosts, dhchap }))
    const both = effectiveAccess(world.master.volume('v').record).dhchap
    expect(both.map(({ sealedSecret }) => sealedSecret)).toEqual([
      ...['sealed:of the list', 'sealed:new', 'sealed:three'],
    ])
    await ask((m) => m.unpublishVolume(ANNA, 'v', 'a'))
    await ask((m) => m.unpublishVolume(ANNA, 'v', 'b'))
    expect(effectiveAccess(world.master.volume('v').record).dhchap).toEqual(dhchap)
  })

  it('keeps a volume from being deleted, and is refused of one that is not there yet', async () => {
    const { ask } = await started((w) => {
      w.addVolume('v', ['s1', 's2'])
      w.put({ kind: 'volume', record: newVolume('new', ['s3']) })
    })
    await ask((m) => m.publishVolume(ANNA, 'v', wish('a')))
    expect(await refusalOf(ask((m) => m.deleteVolume(ANNA, 'v')))).toEqual({
      ...{ code: 'CONFLICT', reason: 'published', node: 'a' },
    })
    expect(await refusalOf(ask((m) => m.publishVolume(ANNA, 'new', wish('a'))))).toMatchObject({
      reason: 'being_made',
    })
    await ask((m) => m.unpublishVolume(ANNA, 'v', 'a'))
    await ask((m) => m.deleteVolume(ANNA, 'v'))
    expect(await refusalOf(ask((m) => m.publishVolume(ANNA, 'v', wish('a'))))).toMatchObject({
      reason: 'being_deleted',
    })
  })
})

describe('another preset', () => {
  it('is a job, the same again is the same one, and nothing to change is none', async () => {
    const { world, ask } = await started()
    const made = await ask((m) => m.setPreset(ANNA, 'v', 'database'))
    expect(made.job).toMatchObject({ kind: 'policy', volume: 'u-v' })
    expect((await ask((m) => m.setPreset(ANNA, 'v', 'database'))).job?.id).toBe(made.job?.id)
    expect(await refusalOf(ask((m) => m.setPreset(ANNA, 'v', 'general')))).toMatchObject({
      reason: 'policy_changing',
    })
    await world.until('the end', () => isOver(world.job(made.job!.id)))
    expect(world.master.volume('v').record).toMatchObject({
      preset: 'database',
      policy: { mode: { kind: 'sync_all', minInSync: 2 }, replicaFactor: 3 },
    })
    expect((await ask((m) => m.setPreset(ANNA, 'v', 'database'))).job).toBeNull()
  })

  it('says what stays, and refuses what cannot be', async () => {
    const { ask } = await started((w) => {
      w.addVolume('v', ['s1', 's2'], { sizeBytes: 64 * 1024 ** 3 })
      w.addVolume('q', ['s1', 's2', 's3'], {
        policy: { mode: { kind: 'sync_quorum' }, replicaFactor: 3 },
      })
    })
    const { warnings } = await ask((m) => m.setPreset(ANNA, 'v', 'throughput'))
    expect(warnings).toMatchObject([{ code: 'log_size_stays' }])
    expect(await refusalOf(ask((m) => m.setPreset(ANNA, 'q', 'general')))).toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', reason: 'quorum_needs_three' },
    })
    expect(await refusalOf(ask((m) => m.setPreset(ANNA, 'v', 'fastest')))).toMatchObject({
      reason: 'unknown_preset',
    })
  })

  it('is refused when no server can take the replica', async () => {
    const world = new JobWorld({ servers: ['s1', 's2'] })
    world.addVolume('v', ['s1', 's2'])
    await world.start()
    const refused = world.scheduler.until(world.master.setPreset(ANNA, 'v', 'database'), { what: 'it' })
    expect(await refusalOf(refused)).toMatchObject({ code: 'CONFLICT' })
  })
})
