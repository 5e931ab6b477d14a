/**
 * WRITE ATOMIC over the real engine, beside reads that wait for the disk between two blocks: the engine looks blocks
 * up one after the other, so without the device server's help such a read would see a part of the write.
 */
import { expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { LogicalUnit } from '../../../src/iscsi/scsi/lun.ts'
import { singlePath } from '../../../src/iscsi/scsi/path-state.ts'
import type { ScsiResult } from '../../../src/iscsi/scsi/task.ts'
import { Gate, HookedDisk } from '../../blockvol/hooked-disk.ts'
import { freshVolume, portsWith, realDisk, useScratch } from '../../blockvol/scratch.ts'
import { ManualClock } from './manual-clock.ts'

const scratch = useScratch()
const BLOCKS = 8
const BYTES = BLOCKS * BLOCK_BYTES
const filledWith = (value: number): Uint8Array => new Uint8Array(BYTES).fill(value)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('a read that waits in the middle of the range sees all of the write or nothing', async () => {
  const disk = new HookedDisk(realDisk)
  const ports = portsWith({ disk })
  const device = await freshVolume(ports, scratch.next(), { create: { logicalBlockBytes: 4096 } })
  const unit = new LogicalUnit({
    volume: new FrontendVolume({
      device,
      access: OPEN_ACCESS,
      after: 'power-loss',
      clock: new ManualClock(),
      logger: silentLogger,
    }),
    pool: ports.pool,
    path: singlePath({ groupId: 1, relativePorts: () => [1] }),
    logger: silentLogger,
  })
  const nexus = unit.attach({
    initiatorPort: 'iqn.i,i,0x1',
    port: { targetName: 'iqn.t', portalGroupTag: 1, relativePort: 1, groupId: 1 },
    abortTasks: async () => undefined,
  })
  nexus.take()
  const send = async (
    operationCode: number,
    dataOut: Uint8Array = new Uint8Array(0),
  ): Promise<ScsiResult> => {
    const cdb = new Uint8Array(16)
    cdb[0] = operationCode
    cdb[13] = BLOCKS
    return unit.execute({
      cdb,
      dataOut,
      dataOutLengthExpected: dataOut.byteLength,
      dataInLengthMax: BYTES,
      nexus,
      signal: { aborted: false, onAbort: () => undefined },
    })
  }

  // half of the range in the extents, half in the log: a read takes two looks
  await device.write(0, filledWith(1))
  await device.checkpoint()
  await device.write(BYTES / 2, filledWith(1).subarray(BYTES / 2))
  disk.isCached = () => false
  const gate = new Gate()
  disk.hook = (call) => (call.name === 'read' ? gate.pass() : undefined)

  const reading = send(0x88)
  await gate.reached
  const writing = send(0x9c, filledWith(2))
  for (let i = 0; i < 20; i++) await turn()
  gate.open()
  const { dataIn, release } = await reading
  expect(new Set(dataIn)).toEqual(new Set([1]))
  release?.()
  expect((await writing).status).toBe(0)
  const after = await send(0x88)
  expect(new Set(after.dataIn)).toEqual(new Set([2]))
  after.release?.()
  await device.close()
})
