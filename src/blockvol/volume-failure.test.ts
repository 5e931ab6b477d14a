import { describe, expect, it } from 'vitest'
import { Gate, HookedDisk, injected } from '../../test/blockvol/hooked-disk.ts'
import {
  copyAsCrashed,
  filled,
  freshVolume,
  openVolume,
  portsWith,
  readBlock,
  realDisk,
  useScratch,
} from '../../test/blockvol/scratch.ts'
import type { DeviceEvent } from '../base/ports/block-device.ts'
import { MIB } from '../base/units.ts'
import { codeOf } from '../io/test-support.ts'
import { MARK } from './format/superblock.ts'
import { SuperblockStore } from './superblock-store.ts'

const scratch = useScratch()

async function marksOf(directory: string): Promise<number> {
  const store = await SuperblockStore.open(realDisk, directory, { repair: false })
  await store.close()
  return store.current.marks
}

describe('a volume whose disk failed', () => {
  it.each([
    ['write', '/log'],
    ['datasync', '/log'],
    ['datasync', '/000000'],
    ['datasync', '/000000.map'],
    ['datasync', '/maxima'],
    ['write', '/super'],
  ] as const)('at a %s of %s acknowledges nothing more, says so, and opens again', async (failing, file) => {
    const disk = new HookedDisk(realDisk)
    const ports = portsWith({ disk })
    const directory = scratch.next()
    const volume = await freshVolume(ports, directory)
    const events: DeviceEvent[] = []
    volume.subscribe((event) => events.push(event))
    await volume.write(0, filled(1))
    await volume.flush()
    disk.hook = ({ name, path }) => {
      if (name === failing && path.endsWith(file)) throw injected(name)
    }
    const outcomes = [codeOf(volume.write(4096, filled(2), { fua: true })), codeOf(volume.checkpoint())]
    expect(await Promise.all(outcomes)).not.toEqual(['no error', 'no error'])
    disk.hook = () => undefined
    expect(events).toMatchObject([{ kind: 'lost' }])
    expect(volume.status().health).toBe('poisoned')
    for (const operation of [
      volume.write(0, filled(3)),
      volume.write(512, filled(3, 512)),
      volume.read(0, new Uint8Array(4096)),
      volume.trim(0, 4096),
      volume.flush(),
      volume.checkpoint(),
      volume.setFrontendState(filled(1, 5)),
    ]) {
      expect(await codeOf(operation)).toBe('POISONED')
    }
    await volume.close()
    const again = await openVolume(ports, directory)
    expect(Buffer.compare(await readBlock(again, 0), filled(1))).toBe(0)
    expect(again.status().health).toBe('healthy')
    await again.close()
  })

  it('is marked at once, so that an opening after a kill reads the medium', async () => {
    const disk = new HookedDisk(realDisk)
    const directory = scratch.next()
    const volume = await freshVolume(portsWith({ disk }), directory)
    await volume.write(0, filled(1))
    const marked = Promise.withResolvers<void>()
    disk.hook = ({ name, path }) => {
      if (name === 'datasync' && path.endsWith('/log')) throw injected(name)
      if (name === 'datasync' && path.endsWith('/super')) marked.resolve()
    }
    expect(await codeOf(volume.flush())).toBe('POISONED')
    await marked.promise
    expect((await marksOf(copyAsCrashed(directory, scratch.next()))) & MARK.poisoned).toBe(MARK.poisoned)
    disk.hook = () => undefined
    await volume.close()
    expect((await marksOf(directory)) & MARK.clean).toBe(0)
  })
})

describe('closing a volume', () => {
  it('takes no more operations, and keeps what it acknowledged while it closed', async () => {
    const disk = new HookedDisk(realDisk)
    const directory = scratch.next()
    const roomy = await freshVolume(portsWith({ disk }), directory)
    await roomy.write(0, filled(1))
    await roomy.close()
    disk.freeBytes = 0
    const volume = await openVolume(portsWith({ disk }), directory, { tuning: { reserveBytes: MIB } })
    expect(await codeOf(volume.write(40_960, filled(1)))).toBe('NO_SPACE')
    const sample = new Gate()
    disk.hook = ({ name }) => (name === 'space' ? sample.pass() : undefined)
    const late = codeOf(volume.write(512, filled(7, 512)))
    await sample.reached
    const closing = volume.close()
    expect(await codeOf(volume.write(0, filled(2)))).toBe('CLOSED')
    sample.open()
    const outcome = await late
    await closing
    await volume.close()
    disk.hook = () => undefined
    const again = await openVolume(portsWith({ disk }), directory)
    const found = (await readBlock(again, 0)).subarray(512, 1024)
    const meant = outcome === 'no error' ? filled(7, 512) : filled(1).subarray(512, 1024)
    expect(Buffer.compare(found, meant)).toBe(0)
    await again.close()
  })

  it('leaves a clean mark and an empty log, which the next opening does not scan', async () => {
    const disk = new HookedDisk(realDisk)
    const ports = portsWith({ disk })
    const directory = scratch.next()
    const volume = await freshVolume(ports, directory)
    await volume.write(0, filled(1))
    await volume.close()
    expect((await marksOf(directory)) & MARK.clean).toBe(MARK.clean)
    let logReads = 0
    disk.hook = ({ name, path }) => {
      if (name === 'read' && path.endsWith('/log')) logReads++
    }
    const again = await openVolume(ports, directory)
    expect(logReads).toBe(0)
    expect((await marksOf(directory)) & MARK.clean).toBe(0)
    await again.close()
  })
})
