/**
 * Behaviour that block stores got wrong before: each of these lost data, returned wrong data, or stopped for good.
 */
import { describe, expect, it } from 'vitest'
import { KIB, MIB } from '../../src/base/units.ts'
import { fillSectors } from './content.ts'
import { blocks, Rig } from './rig.ts'

const SECTORS = 8

describe('what was synced', () => {
  it('survives a crash, one more write and another crash', async () => {
    for (const isCheckpointed of [false, true]) {
      await Rig.run({}, async (rig) => {
        for (let block = 0; block < 5; block++) {
          expect(await rig.client.write(blocks(block))).toBe('ok')
          if (isCheckpointed && block === 2) await rig.volume.checkpoint()
        }
        expect(await rig.client.flush()).toBe('ok')
        rig.losePower()
        await rig.open()
        await rig.verify('power')
        expect(await rig.client.write(blocks(7))).toBe('ok')
        expect(await rig.client.flush()).toBe('ok')
        rig.losePower()
        await rig.open()
        await rig.verify('power')
        await rig.volume.checkpoint()
        await rig.verify('process')
      })
    }
  })

  it('survives any number of restarts without a flush between them', async () => {
    await Rig.run({}, async (rig) => {
      for (let i = 0; i < 12; i++) {
        expect(await rig.client.write(blocks(i % 3, 2))).toBe('ok')
        if (i % 2 === 0) rig.killProcess()
        else {
          expect(await rig.client.flush()).toBe('ok')
          rig.losePower()
        }
        await rig.open()
        await rig.verify('process')
      }
    })
  })
})

describe('a damaged log entry', () => {
  it('fails reads and the flusher, and never becomes zeros', async () => {
    await Rig.run({ tuning: { idleFlushMs: 10, flushRetryMs: 20 } }, async (rig) => {
      expect(await rig.client.write(blocks(3))).toBe('ok')
      expect(await rig.client.flush()).toBe('ok')
      const content = fillSectors(new Uint8Array(4096), 3 * SECTORS, 1)
      rig.rot('log', rig.find('log', content) + 1000)
      expect(await rig.client.read(blocks(3))).toBe('MEDIUM')
      await rig.process.clock.sleep(1_000)
      expect(await rig.client.read(blocks(3))).toBe('MEDIUM')
      expect(rig.volume.status()).toMatchObject({ health: 'degraded', checkpointLsn: expect.any(Number) })
      expect(rig.volume.status().checkpointLsn).toBeLessThan(2)
      // other blocks go on
      expect(await rig.client.write(blocks(4))).toBe('ok')
      expect(await rig.client.read(blocks(4))).toBeInstanceOf(Uint32Array)
      // a new write makes the bad entry needless
      expect(await rig.client.write(blocks(3))).toBe('ok')
      await rig.process.clock.sleep(1_000)
      expect(await rig.client.read(blocks(3))).toBeInstanceOf(Uint32Array)
      expect(rig.volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
      await rig.volume.close()
      await rig.open()
      await rig.verify('process')
    })
  })

  it('before durable ones keeps the volume closed, until the named loss is accepted, and only then', async () => {
    await Rig.run({ logBytes: 256 * KIB }, async (rig) => {
      for (let block = 0; block < 4; block++) {
        expect(await rig.client.write(blocks(block))).toBe('ok')
        expect(await rig.client.flush()).toBe('ok')
      }
      rig.rot('log', rig.find('log', fillSectors(new Uint8Array(4096), SECTORS, 2)))
      rig.losePower()
      const refused = await rig.open().catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'LOG_DAMAGED', facts: { fromLsn: 3 } })
      const { fromLsn, toLsn } = (refused as { facts: { fromLsn: number; toLsn: number } }).facts
      await expect(rig.open({ acceptLogLoss: { fromLsn, toLsn: toLsn + 1 } })).rejects.toThrow(/damaged/)
      await rig.open({ acceptLogLoss: { fromLsn, toLsn } })
      const found = new Uint8Array(4 * 4096)
      await rig.volume.read(0, found)
      const expected = fillSectors(new Uint8Array(4096), 0, 1)
      expect(Buffer.compare(found.subarray(0, 4096), expected)).toBe(0)
      // what was given up stays so, and nobody asks again
      for (let i = 0; i < 2; i++) {
        rig.losePower()
        await rig.open()
        const again = new Uint8Array(4 * 4096)
        await rig.volume.read(0, again)
        expect(Buffer.compare(again, found)).toBe(0)
      }
    })
  })
})

describe('overlapping writes', () => {
  it('leave the newest for readers, for the flusher and for recovery alike', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      await Rig.run({ seed, logBytes: 256 * KIB, tuning: { flushWatermark: 0.1 } }, async (rig) => {
        for (let round = 0; round < 5; round++) {
          const { client } = rig
          await Promise.all([
            client.write(blocks(0, 2)),
            client.write({ firstSector: 3, sectors: 9 }),
            client.write(blocks(1)),
            client.trim(blocks(0)),
            client.read(blocks(0, 3)),
            client.write({ firstSector: 6, sectors: 4, fua: true }),
          ])
          expect(await client.read(blocks(0, 2))).toBeInstanceOf(Uint32Array)
        }
        rig.killProcess()
        await rig.open()
        await rig.verify('process')
      })
    }
  })
})

describe('health', () => {
  it('is back when a bad block was written again', async () => {
    await Rig.run({}, async (rig) => {
      expect(await rig.client.write(blocks(2, 2))).toBe('ok')
      await rig.volume.checkpoint()
      rig.rot('extents/000000', 2 * 4096 + 77)
      expect(await rig.client.read(blocks(2))).toBe('MEDIUM')
      expect(rig.volume.status().health).toBe('degraded')
      expect(await rig.client.write(blocks(2))).toBe('ok')
      await rig.volume.checkpoint()
      expect(rig.volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
    })
  })

  it('is back when a full disk has room again, and writes go on', async () => {
    await Rig.run({ tuning: { reserveBytes: 0, flushRetryMs: 50, admissionTimeoutMs: 200 } }, async (rig) => {
      rig.storage.capacityBytes = rig.storage.usedBytes + 8 * 4096
      const outcomes = new Set<unknown>()
      for (let block = 0; block < 60; block++) outcomes.add(await rig.client.write(blocks(block)))
      expect([...outcomes].some((one) => one === 'NO_SPACE' || one === 'BUSY')).toBe(true)
      rig.storage.capacityBytes = Number.POSITIVE_INFINITY
      await rig.process.clock.sleep(3_000)
      expect(await rig.client.write(blocks(70))).toBe('ok')
      await rig.volume.checkpoint()
      expect(rig.volume.status()).toMatchObject({ health: 'healthy', reasons: [] })
      await rig.verify('process')
    })
  })
})

describe('the log', () => {
  it('goes on after any number of full laps, with entries of any length', async () => {
    for (const count of [1, 2, 3, 7, 16]) {
      for (const hardWatermark of [0.9, 0.95, 1]) {
        await Rig.run({ tuning: { hardWatermark } }, async (rig) => {
          for (let i = 0; i < 150; i++)
            expect(await rig.client.write(blocks((i * count) % 200, count))).toBe('ok')
          await rig.volume.checkpoint()
          const { log, dirtyBlocks } = rig.volume.status()
          expect(dirtyBlocks).toBe(0)
          expect(log.usedBytes).toBeLessThan(log.sizeBytes / 4)
        })
      }
    }
  })

  it('is empty some time after the last write', async () => {
    await Rig.run({ tuning: { idleFlushMs: 100 } }, async (rig) => {
      expect(await rig.client.write(blocks(0, 2))).toBe('ok')
      await rig.process.clock.sleep(1_000)
      expect(rig.volume.status().dirtyBlocks).toBe(0)
      expect(rig.volume.status().log.usedBytes).toBeLessThan(16 * KIB)
    })
  })

  it('gives no LSN to what is refused or fails', async () => {
    const tuning = { admissionTimeoutMs: 50, flushWatermark: 0.99, flushRetryMs: 10 }
    await Rig.run({ tuning }, async (rig) => {
      expect(await rig.client.write(blocks(0))).toBe('ok')
      expect(await rig.client.flush()).toBe('ok')
      // the flusher cannot go on, so the log fills up
      rig.rot('log', rig.find('log', fillSectors(new Uint8Array(4096), 0, 1)))
      let outcome: unknown = 'ok'
      for (let i = 1; outcome === 'ok' && i < 50; i++) outcome = await rig.client.write(blocks(i))
      expect(outcome).toBe('BUSY')
      const { appendedLsn } = rig.volume.status()
      expect(await rig.client.write(blocks(60))).toBe('BUSY')
      expect(rig.volume.status().appendedLsn).toBe(appendedLsn)
      expect(await rig.client.trim(blocks(0))).toBe('ok')
      expect(rig.volume.status().appendedLsn).toBe(appendedLsn + 1)
      await rig.process.clock.sleep(1_000)
      expect(await rig.client.write(blocks(61))).toBe('ok')

      rig.faults.arm('writeError', '/log')
      expect(await rig.client.write(blocks(62))).toBe('POISONED')
      expect(await rig.client.flush()).toBe('POISONED')
      await rig.volume.close()
      await rig.open()
      await rig.verify('power')
      const before = rig.volume.status().appendedLsn
      expect(await rig.client.write(blocks(63))).toBe('ok')
      expect(rig.volume.status().appendedLsn).toBe(before + 1)
      expect(await rig.client.flush()).toBe('ok')
      rig.losePower()
      await rig.open()
      await rig.verify('power')
    })
  })

  it('may be recycled under a reader, who sees what is right', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      await Rig.run({ seed, tuning: { flushWatermark: 0.05, mapCacheBytes: 4 * KIB } }, async (rig) => {
        rig.faults.rates = { cacheMiss: 0.7, slow: 0.3 }
        let isDone = false
        const reader = async (block: number): Promise<void> => {
          while (!isDone) {
            expect(await rig.client.read(blocks(block, 2))).toBeInstanceOf(Uint32Array)
            await rig.process.clock.sleep(0.02)
          }
        }
        const writer = async (): Promise<void> => {
          try {
            for (let i = 0; i < 60; i++) expect(await rig.client.write(blocks(i % 4, 1 + (i % 2)))).toBe('ok')
          } finally {
            isDone = true
          }
        }
        await Promise.all([reader(0), reader(1), reader(2), writer()])
      })
    }
  })
})

describe('the flusher', () => {
  it('reads each block of a long entry once, within a bound of memory', async () => {
    await Rig.run(
      { sizeBytes: 32 * MIB, logBytes: 16 * MIB, tuning: { flushWatermark: 0.9 } },
      async (rig) => {
        for (let i = 0; i < 2; i++) expect(await rig.client.write(blocks(i * 1024, 1024))).toBe('ok')
        const { disk, pool } = rig.process
        const readBefore = disk.readBytes
        let lentBytesMax = 0
        const checkpoint = rig.volume.checkpoint()
        let isDone = false
        const ended = checkpoint.then(() => {
          isDone = true
        })
        while (!isDone) {
          lentBytesMax = Math.max(lentBytesMax, pool.lentBytes)
          await rig.process.clock.sleep(0.01)
        }
        await ended
        expect(disk.readBytes - readBefore).toBeLessThan(2 * 8 * MIB)
        expect(disk.readBytes - readBefore).toBeGreaterThanOrEqual(8 * MIB)
        expect(lentBytesMax).toBeLessThanOrEqual(4 * MIB)
        expect(pool.lentBytes).toBe(0)
      },
    )
  })
})

describe('an error of the disk', () => {
  it('that a failed sync leaves behind is not believed away by the next sync', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await Rig.run({ seed }, async (rig) => {
        expect(await rig.client.write(blocks(1))).toBe('ok')
        expect(await rig.client.flush()).toBe('ok')
        expect(await rig.client.write(blocks(1, 2))).toBe('ok')
        rig.faults.arm('syncError', '/log')
        expect(await rig.client.flush()).toBe('POISONED')
        expect(await rig.client.flush()).toBe('POISONED')
        expect(await rig.client.write(blocks(5))).toBe('POISONED')
        expect(rig.volume.status().health).toBe('poisoned')
        await rig.volume.close()
        await rig.open()
        await rig.verify('power')
        expect(await rig.client.flush()).toBe('ok')
        rig.losePower()
        await rig.open()
        await rig.verify('process')
      })
    }
  })

  it('that a failed sync has lost is not believed by the next process, although the page cache shows it', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      await Rig.run({ seed }, async (rig) => {
        expect(await rig.client.write(blocks(1))).toBe('ok')
        expect(await rig.client.flush()).toBe('ok')
        expect(await rig.client.write(blocks(1, 2))).toBe('ok')
        rig.faults.arm('syncError', '/log')
        expect(await rig.client.flush()).toBe('POISONED')
        // before it has written down that a sync failed
        rig.killProcess()
        await rig.open()
        await rig.verify('power')
        expect(await rig.client.write(blocks(4))).toBe('ok')
        expect(await rig.client.flush()).toBe('ok')
        rig.losePower()
        await rig.open()
        await rig.verify('power')
      })
    }
  })
})
