import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  makeVolume,
  RecordingService,
  realPorts,
  temporaryDirectory,
} from '../../test/e2e/target/support/volume.ts'
import type { RestoreTarget } from '../backup/repository.ts'
import { BlockError } from '../base/errors.ts'
import { Volume } from '../blockvol/volume.ts'
import { FillingMark } from './filling-mark.ts'
import { HostedVolume, type VolumeCompanion } from './hosted-volume.ts'
import { makeLatencyRecorders } from './latencies.ts'

const NEW = new Uint8Array(4096).fill(9)

describe('a volume that is filled with something else', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let service: RecordingService
  let told: string[]
  const ports = realPorts()
  const companion: VolumeCompanion = {
    up: async () => void told.push('up'),
    down: async (reason) => void told.push(`down: ${reason}`),
  }
  const mark = (): FillingMark => new FillingMark(ports.disk, `${directory.path}/v`)
  const host = (): Promise<HostedVolume> =>
    HostedVolume.open({
      open: () => Volume.open(ports, { directory: `${directory.path}/v` }),
      service,
      filling: mark(),
      companion,
      latencies: makeLatencyRecorders(),
      clock: ports.clock,
      logger: ports.logger,
      onFatal: (error) => {
        throw error
      },
    })
  const write = async (target: RestoreTarget): Promise<string> => {
    await target.write(0, NEW)
    return 'done'
  }
  beforeEach(async () => {
    directory = temporaryDirectory()
    service = new RecordingService()
    told = []
    await makeVolume(ports, `${directory.path}/v`)
  })
  afterEach(() => directory.remove())

  it('is served before and after, and not meanwhile', async () => {
    const hosted = await host()
    const seen: string[] = []
    const done = await hosted.fill({
      what: 'backup b-1',
      force: false,
      work: async (target) => {
        expect(hosted.view().state).toBe('serving')
        await target.read(0, new Uint8Array(4096))
        seen.push(hosted.view().state, String(hosted.view().outage), String(await mark().read()))
        expect(() => hosted.startScrub()).toThrow(/not open: it is being filled: backup b-1/)
        await expect(hosted.fill({ what: 'x', force: true, work: write })).rejects.toThrow(/already/)
        return write(target)
      },
    })
    expect(done).toBe('done')
    expect(seen).toEqual(['filling', 'it is being filled: backup b-1', 'backup b-1'])
    expect(hosted.view()).toMatchObject({ state: 'serving', outage: undefined })
    expect(await mark().read()).toBeUndefined()
    const found = new Uint8Array(4096)
    await service.device?.read(0, found)
    expect(found).toEqual(NEW)
    await hosted.stop()
    expect(service.events).toEqual(['attach', 'detach', 'attach', 'detach'])
    expect(told).toEqual(['up', 'down: the volume is being filled', 'up', 'down: the server is stopping'])
  })

  it('is not served after a fill that failed, also by the next process, until one succeeds', async () => {
    const failing = async (target: RestoreTarget): Promise<string> => {
      await write(target)
      throw new BlockError('CORRUPT', 'packs/17 is damaged')
    }
    const hosted = await host()
    await expect(hosted.fill({ what: 'b-1', force: false, work: failing })).rejects.toThrow(/packs\/17/)
    expect(hosted.view()).toMatchObject({
      state: 'filling',
      outage: expect.stringContaining('half filled (b-1)'),
    })
    await hosted.stop()
    const again = await host()
    expect(again.view()).toMatchObject({
      state: 'filling',
      outage: expect.stringContaining('half filled (b-1)'),
    })
    expect(service.events).toEqual(['attach', 'detach', 'detach'])
    expect(await again.fill({ what: 'b-2', force: false, work: write })).toBe('done')
    expect(again.view().state).toBe('serving')
    await again.stop()
    const last = await host()
    expect(last.view().state).toBe('serving')
    await last.stop()
  })

  it('stays as it is when a fill fails before it touched anything', async () => {
    const hosted = await host()
    const missing = async (): Promise<string> => {
      throw new BlockError('NOT_FOUND', 'there is no backup b-9')
    }
    await expect(hosted.fill({ what: 'b-9', force: false, work: missing })).rejects.toThrow(/no backup/)
    expect(hosted.view()).toMatchObject({ state: 'serving', outage: undefined })
    expect(await mark().read()).toBeUndefined()
    expect(service.events).toEqual(['attach'])
    await hosted.stop()
  })

  it('stays as it is while hosts are logged in, unless forced', async () => {
    const hosted = await host()
    const described = service.describe()
    const sessions = [{ initiator: 'iqn.a', address: '10.0.0.1:5', portalGroupTag: 1, connectedWallMs: 0 }]
    service.describe = () => ({ ...described, iscsi: { ...described.iscsi, sessions } })
    const refused = hosted.fill({ what: 'b-1', force: false, work: write })
    await expect(refused).rejects.toMatchObject({ code: 'CONFLICT', facts: { unsafe: true } })
    expect(await mark().read()).toBeUndefined()
    expect(hosted.view().state).toBe('serving')
    await hosted.fill({ what: 'b-1', force: true, work: write })
    await hosted.stop()
  })
})
