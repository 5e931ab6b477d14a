import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  makeVolume,
  RecordingService,
  realPorts,
  temporaryDirectory,
} from '../../../test/e2e/target/support/volume.ts'
import { Volume } from '../../blockvol/volume.ts'
import { TargetSnapshots } from './target-snapshots.ts'

/** Makes what is exposed known, and keeps its names. */
class Served {
  readonly known = new Map<string, RecordingService & { sessions: number }>()

  readonly volume = ({ name }: { readonly name: string }) => {
    const service = Object.assign(new RecordingService(), {
      sessions: 0,
      setOwnAccess: () => undefined,
      setQos: () => undefined,
      remove: async () => void this.known.delete(name),
    })
    this.known.set(name, service)
    return service as never
  }
}

describe('TargetSnapshots', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let volume: Volume
  let served: Served
  let snapshots: TargetSnapshots
  let sessions = 0
  const ports = realPorts()
  const open = (): Promise<Volume> => Volume.open(ports, { directory: `${directory.path}/v` })
  const fill = (byte: number): Promise<void> => volume.write(0, new Uint8Array(4096).fill(byte))
  const first = async (device: { read(at: number, target: Uint8Array): Promise<void> }): Promise<number> => {
    const block = new Uint8Array(4096)
    await device.read(0, block)
    return block[0] ?? -1
  }
  beforeEach(async () => {
    directory = temporaryDirectory()
    served = new Served()
    sessions = 0
    await makeVolume(ports, `${directory.path}/v`)
    volume = await open()
    snapshots = new TargetSnapshots({
      ...{ served, random: ports.random, logger: ports.logger, sessions: () => sessions },
    })
    await snapshots.up(volume)
  })
  afterEach(async () => {
    await snapshots.down('the end')
    await volume.close()
    directory.remove()
  })

  it('makes, lists, finds and deletes them', async () => {
    await fill(1)
    const made = await snapshots.create('monday')
    await fill(2)
    await snapshots.create('tuesday')
    expect((await snapshots.list()).map(({ info }) => info.name)).toEqual(['monday', 'tuesday'])
    expect((await snapshots.get('monday')).info.id).toBe(made.info.id)
    expect((await snapshots.get(made.info.id.toString(16).padStart(16, '0'))).info.name).toBe('monday')
    await expect(snapshots.create('monday')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(snapshots.get('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await snapshots.delete('monday')
    await expect(snapshots.delete('monday')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('goes back, unless a host would not know of it', async () => {
    await fill(1)
    await snapshots.create('monday')
    await fill(2)
    sessions = 1
    const refused = snapshots.restore('monday', { force: false })
    await expect(refused).rejects.toMatchObject({ code: 'CONFLICT', facts: { unsafe: true } })
    expect(await first(volume)).toBe(2)
    await snapshots.restore('monday', { force: true })
    expect(await first(volume)).toBe(1)
  })

  it('exposes them, again after the volume was reopened, and not when they are gone', async () => {
    await fill(1)
    await snapshots.create('monday')
    await fill(2)
    const { exposed } = await snapshots.expose('monday', true)
    expect(exposed).toBeDefined()
    const [name = ''] = served.known.keys()
    expect(name).toMatch(/^vol1.*monday$/)
    const service = served.known.get(name)
    expect(await first(service?.device ?? volume)).toBe(1)
    await snapshots.down('it failed')
    expect(served.known.size).toBe(0)
    expect(() => snapshots.device()).toThrow(/not served at present/)
    await volume.close()
    volume = await open()
    await snapshots.up(volume)
    expect([...served.known.keys()]).toEqual([name])
    const again = served.known.get(name)
    if (again !== undefined) again.sessions = 1
    await expect(snapshots.delete('monday')).rejects.toMatchObject({ code: 'CONFLICT' })
    if (again !== undefined) again.sessions = 0
    await snapshots.delete('monday')
    expect(served.known.size).toBe(0)
    await snapshots.create('tuesday')
    await snapshots.expose('tuesday', true)
    expect((await snapshots.expose('tuesday', false)).exposed).toBeUndefined()
    await snapshots.down('it failed')
    await snapshots.up(volume)
    expect(served.known.size).toBe(0)
  })
})
