import { describe, expect, it } from 'vitest'
import type { VolumeRecord } from '../records.ts'
import { keptOf, readKept } from './kept-volume.ts'
import { RECORD_KINDS } from './record-schemas.ts'
import { testServer, testVolume } from './test-support.ts'

/** As the release before paths wrote it. */
function older({ isMultipath: _, origin: _origin, ...record }: VolumeRecord) {
  const { hosts: _hosts, dhchap: _dhchap, ...access } = record.access
  return { ...record, access, replicas: record.replicas.map(({ server, state }) => ({ server, state })) }
}

describe('a record of an earlier release', () => {
  it('is read, with what that release did not know filled in', () => {
    const now = testVolume(1, {
      access: {
        initiators: [],
        chap: { user: 'u', sealedSecret: 's', mutual: null },
        hosts: null,
        dhchap: [],
      },
    })
    expect(RECORD_KINDS.volume.parse('volume/x', older(now))).toEqual(now)
    const server = testServer(1)
    const { nvme: _, ...addresses } = server.addresses
    expect(RECORD_KINDS.server.parse('server/x', { ...server, addresses }).addresses.nvme).toEqual([])
  })

  it('has publications without secrets, and keeps those with', () => {
    const one = { node: 'n', initiator: null, host: 'nqn.x:n', isReadOnly: false, isShared: false, since: 1 }
    const now = testVolume(1, { publications: [{ ...one, dhchap: null }] })
    expect(RECORD_KINDS.volume.parse('volume/x', { ...now, publications: [one] })).toEqual(now)
    const dhchap = { sealedSecret: 's', sealedControllerSecret: null }
    const with1 = testVolume(1, { publications: [{ ...one, dhchap }] })
    expect(RECORD_KINDS.volume.parse('volume/x', RECORD_KINDS.volume.encode(with1))).toEqual(with1)
    const kept = JSON.parse(keptOf(with1).text)
    expect(readKept(JSON.stringify(kept))?.publications).toEqual(with1.publications)
    const version3 = { ...kept, version: 3, publications: [one] }
    expect(readKept(JSON.stringify(version3))?.publications).toEqual(now.publications)
  })

  it('keeps what it has, and is refused with what makes no sense', () => {
    const now = testVolume(1, { isMultipath: true })
    expect(RECORD_KINDS.volume.parse('volume/x', RECORD_KINDS.volume.encode(now))).toEqual(now)
    const [first, ...others] = now.replicas
    const replicas = [first, ...others.map(({ server, state }) => ({ server, state }))]
    expect(() => RECORD_KINDS.volume.parse('volume/x', { ...now, replicas })).toThrow('volume/x')
    for (const value of [null, 7, [], { replicas: {} }, { ...now, access: 3 }]) {
      expect(() => RECORD_KINDS.volume.parse('volume/x', value)).toThrow('volume/x')
      expect(() => RECORD_KINDS.server.parse('server/x', value)).toThrow('server/x')
    }
  })

  it('with two replicas in one slot is neither read nor written', () => {
    const now = testVolume(1)
    const replicas = now.replicas.map((replica) => ({ ...replica, slot: 3 }))
    expect(() => RECORD_KINDS.volume.parse('volume/x', { ...now, replicas })).toThrow('one slot')
    expect(() => RECORD_KINDS.volume.encode({ ...now, replicas })).toThrow('one slot')
  })
})

describe('what servers keep of a volume', () => {
  it('is read again, also as an earlier release wrote it', () => {
    const now = testVolume(1, { isMultipath: true })
    const read = readKept(keptOf(now).text)
    expect(read).toMatchObject({ isMultipath: true, access: now.access })
    expect(read?.slots).toEqual(now.replicas.map(({ server, slot }) => ({ server, slot })))
    const { slots: _, ...first } = { ...JSON.parse(keptOf(now).text), version: 1 }
    expect(readKept(JSON.stringify(older({ ...first, replicas: [] })))).toMatchObject({
      isMultipath: false,
      slots: [],
      access: { hosts: null, dhchap: [] },
    })
    expect(readKept('{"version":1}')).toBeUndefined()
  })
})
