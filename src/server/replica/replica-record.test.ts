import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realPorts, temporaryDirectory } from '../../../test/e2e/target/support/volume.ts'
import { epochNumber } from '../../base/units.ts'
import { type ReplicaRecord, readReplicaRecord, saveReplicaRecord } from './replica-record.ts'

const { disk } = realPorts()
let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

const RECORD: ReplicaRecord = {
  authority: null,
  madeIn: { number: epochNumber(3), id: 2n ** 64n - 1n },
  settings: {
    tag: 5,
    // as large as the master may send it, in characters that JSON writes with six
    keep: '\u0001'.repeat(64 * 1024),
    initiators: ['iqn.2026-11.org.example:h'],
    hasChap: true,
    hosts: null,
    hasDhchap: false,
    qos: { iops: 1, iopsBurst: 2, bytesPerSecond: 3, bytesBurst: 4 },
  },
}

describe('the record of a replica', () => {
  it('is read as it was saved', async () => {
    await saveReplicaRecord(disk, directory.path, RECORD)
    expect(await readReplicaRecord(disk, directory.path)).toEqual(RECORD)
  })

  it('is read as version 1 had it', async () => {
    writeFileSync(`${directory.path}/replica.json`, '{"version":1,"authority":"http://a:1","madeIn":null}')
    expect(await readReplicaRecord(disk, directory.path)).toEqual({
      ...{ authority: 'http://a:1', madeIn: null, settings: null },
    })
  })

  it('is read as version 2 had it, and then wants to be told who may come by NVMe', async () => {
    const { hosts: _, hasDhchap: __, ...settings } = RECORD.settings!
    const text = JSON.stringify({ version: 2, authority: null, madeIn: null, settings })
    writeFileSync(`${directory.path}/replica.json`, text)
    expect(await readReplicaRecord(disk, directory.path)).toEqual({
      authority: null,
      madeIn: null,
      settings: { ...settings, tag: 0, hosts: [], hasDhchap: false },
    })
  })

  it.each([
    ['{"version":4}', 'UNKNOWN_FORMAT'],
    ['{"version":2,"authority":7}', 'CORRUPT'],
    ['{"version":2,"authority":null,"madeIn":null,"settings":{"tag":-1}}', 'CORRUPT'],
    ['{"version":1,"authority":"a","madeIn":{"number":1,"id":"x"}}', 'CORRUPT'],
    ['', 'CORRUPT'],
  ])('is refused when it is %s: %s', async (text, code) => {
    writeFileSync(`${directory.path}/replica.json`, text)
    await expect(readReplicaRecord(disk, directory.path)).rejects.toMatchObject({ code })
  })
})
