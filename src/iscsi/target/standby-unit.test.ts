import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { GIB } from '../../base/units.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { RemoteReservations } from '../../frontend/reservations/remote.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import type { CompiledCommand } from '../scsi/command.ts'
import { COMMANDS } from '../scsi/command-table.ts'
import { LogicalUnit } from '../scsi/lun.ts'
import { ACCESS_STATES, type AccessState, type PathState } from '../scsi/path-state.ts'
import { outcome, portOf, UUID } from '../scsi/testing.ts'
import { servingView, standbyView } from './path-views.ts'
import { StandbyDevice } from './standby-device.ts'

const CLOCK: Clock = {
  monotonicMs: () => 0,
  bootMs: () => 0,
  wallMs: () => 0,
  after: () => ({ cancel: () => undefined }),
  sleep: async () => undefined,
  yield: async () => undefined,
}

const pathIn = (state: AccessState): PathState => ({
  groups: () => [
    { id: 1, state, preferred: false, relativePorts: [1] },
    { id: 2, state: 'active-optimized', preferred: false, relativePorts: [17] },
  ],
  state,
  subscribe: () => () => undefined,
})

/** A unit without a device on a path that was told to be in `state`, with its serving server away. */
function unitIn(state: AccessState): (command: CompiledCommand) => Promise<string> {
  const facts = {
    uuid: UUID,
    name: 'v',
    sizeBytes: GIB,
    logicalBlockBytes: 512,
    atomicWriteBytesMax: 65536,
  } as const
  const device = new StandbyDevice(facts)
  const options = { access: OPEN_ACCESS, after: 'failover', clock: CLOCK, logger: silentLogger } as const
  const unit = new LogicalUnit({
    volume: new FrontendVolume({ device, ...options }),
    pool: new BufferPool(),
    logger: silentLogger,
    path: standbyView(pathIn(state), 1),
    reservations: new RemoteReservations({
      forward: () => Promise.reject(new BlockError('BUSY', 'nobody leads')),
    }),
  })
  const nexus = unit.attach({
    initiatorPort: 'iqn.i,i,0x1',
    port: portOf(1),
    abortTasks: async () => undefined,
  })
  while (nexus.take() !== undefined);
  return async ({ opcode, serviceAction }) => {
    const cdb = new Uint8Array(16)
    cdb[0] = opcode
    cdb[1] = serviceAction ?? 0
    // lists and buffers as long as any command here takes
    if (opcode === 0x5f) cdb.set([1, 0, 0, 0, 0, 0, 24], 2)
    const dataOut = new Uint8Array(opcode === 0x5f ? 24 : 0)
    const result = await unit.execute({
      ...{ cdb, dataOut, dataOutLengthExpected: dataOut.byteLength, dataInLengthMax: 4096, nexus },
      signal: { aborted: false, onAbort: () => undefined },
    })
    return outcome(result)
  }
}

/** SPC-5, Target port group access states; READ CAPACITY besides, which a host asks for once. */
const ALWAYS = [
  'INQUIRY',
  'READ CAPACITY(10)',
  'READ CAPACITY(16)',
  'REPORT LUNS',
  'REPORT TARGET PORT GROUPS',
  'REQUEST SENSE',
]
const IN_STANDBY = [
  ...ALWAYS,
  'MODE SELECT(10)',
  'MODE SELECT(6)',
  'MODE SENSE(10)',
  'MODE SENSE(6)',
  'REPORT SUPPORTED OPERATION CODES',
  'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
  'SEND DIAGNOSTIC',
]
const isReservation = ({ name }: CompiledCommand): boolean => name.startsWith('PERSISTENT RESERVE')

describe('a logical unit on a path that leads to no device', () => {
  it.each([
    ['standby', '2/04/0b', IN_STANDBY],
    ['transitioning', '2/04/0a', ALWAYS],
    ['unavailable', '2/04/0c', ALWAYS],
    ['offline', '2/04/0c', ALWAYS],
    // told too early
    ['active-optimized', '2/04/0a', ALWAYS],
    ['active-non-optimized', '2/04/0a', ALWAYS],
  ] as const)(
    '%s: every command but those that are allowed ends with %s',
    async (state, refusal, allowed) => {
      const run = unitIn(state)
      const answered: string[] = []
      for (const command of COMMANDS.commands) {
        const says = await run(command)
        if (state === 'standby' && isReservation(command)) expect(says, command.name).toBe('status 08')
        else if (says === refusal) continue
        else {
          expect(says, command.name).not.toMatch(/^2\/|^status 08/)
          answered.push(command.name)
        }
      }
      expect(answered.sort()).toEqual([...allowed].sort())
    },
  )

  it('no state is left out', () => {
    expect(Object.keys(ACCESS_STATES).sort()).toEqual([
      'active-non-optimized',
      'active-optimized',
      'offline',
      'standby',
      'transitioning',
      'unavailable',
    ])
  })

  it('the device in its place is BUSY for everything that has to do with blocks', async () => {
    const device = new StandbyDevice({
      uuid: UUID,
      name: 'v',
      sizeBytes: GIB,
      logicalBlockBytes: 512,
      atomicWriteBytesMax: 0,
    })
    expect(() => device.readNow()).toThrow('not served here')
    const calls = [
      'read',
      'write',
      'flush',
      'checkpoint',
      'trim',
      'writeZeroes',
      'writeSame',
      'compareAndWrite',
      'readModifyWrite',
      'allocation',
      'setFrontendState',
    ] as const
    for (const call of calls) await expect(device[call](), call).rejects.toMatchObject({ code: 'BUSY' })
  })
})

describe('the paths as a unit sees them', () => {
  const changing = (): { path: PathState; change: (states: readonly AccessState[]) => void } => {
    let groups = pathIn('standby').groups()
    const listeners = new Set<() => void>()
    return {
      path: {
        groups: () => groups,
        get state() {
          return groups[0]!.state
        },
        subscribe: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      change: (states) => {
        groups = groups.map((group, i) => ({ ...group, state: states[i]! }))
        for (const listener of listeners) listener()
      },
    }
  }
  const statesOf = (path: PathState): AccessState[] => path.groups().map(({ state }) => state)

  it('who serves is active, and nobody else', () => {
    const { path, change } = changing()
    const view = servingView(path, 1, {})
    const heard: AccessState[][] = []
    view.subscribe(() => heard.push(statesOf(view)))
    expect([view.state, statesOf(view)]).toEqual(['active-optimized', ['active-optimized', 'standby']])
    change(['active-optimized', 'standby'])
    change(['transitioning', 'standby'])
    expect(heard).toEqual([])
    change(['transitioning', 'unavailable'])
    expect(heard).toEqual([['active-optimized', 'unavailable']])
  })

  it('who has a device without a lease is not active, and is again when it has one', () => {
    const { path } = changing()
    const device = { isServing: false }
    const view = servingView(path, 1, device)
    expect([view.state, statesOf(view)]).toEqual(['transitioning', ['transitioning', 'standby']])
    device.isServing = true
    expect([view.state, statesOf(view)]).toEqual(['active-optimized', ['active-optimized', 'standby']])
  })

  it('who has no device is never active', () => {
    const { path, change } = changing()
    const view = standbyView(path, 1)
    let heard = 0
    const end = view.subscribe(() => heard++)
    expect(statesOf(view)).toEqual(['standby', 'active-optimized'])
    change(['transitioning', 'transitioning'])
    expect([view.state, heard]).toEqual(['transitioning', 1])
    change(['active-optimized', 'transitioning'])
    expect([view.state, heard]).toEqual(['transitioning', 1])
    end()
    change(['standby', 'active-optimized'])
    expect([view.state, heard]).toEqual(['standby', 1])
  })
})
