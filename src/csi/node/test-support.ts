/** A node over the fake host in a folder of its own: requests as an orchestrator makes them, and drivers that die under way. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { VolumeCapability__Output } from '../../gen/csi/v1/VolumeCapability.ts'
import { encodePublishContext, encodeVolumeContext } from '../core/contexts.ts'
import { type FakeHost, type FakeHostOptions, fakeHost } from '../host/fake/fake-host.ts'
import type { HostTools } from '../host/host-tools.ts'
import { stateFiles } from '../host/state-files.ts'
import type { CsiCall, NodeService } from '../server/handlers.ts'
import { nodeService } from './node-service.ts'
import type { StateStore } from './state-store.ts'

export const VOLUME = '0a0b0c0d-1111-4222-8333-444455556666'
export const MIB = 1 << 20

/** Time that passes only when somebody sleeps. */
class StepClock implements Clock {
  nowMs = 1_000_000
  monotonicMs(): number {
    return this.nowMs
  }
  bootMs(): number {
    return this.nowMs
  }
  wallMs(): number {
    return this.nowMs
  }
  after(): never {
    throw new Error('nobody sets a timer here')
  }
  sleep(delayMs: number): Promise<void> {
    this.nowMs += delayMs
    return Promise.resolve()
  }
  yield(): Promise<void> {
    return Promise.resolve()
  }
}

/** What a killed driver does from then on: nothing. */
export class Died extends Error {}

export type CallName = 'stage' | 'publish' | 'expand' | 'unpublish' | 'unstage'

export interface World extends Disposable {
  readonly host: FakeHost
  readonly clock: StepClock
  readonly folder: string
  readonly stagingPath: string
  readonly targetPath: string
  /** A driver that lives. */
  driver(): Promise<Driver>
  /** One that dies after so many effects on host and state folder; `died` tells. */
  mortal(effects: number): Promise<Driver & { readonly died: () => boolean }>
  /** Sessions, mounts, records, state files, target paths. */
  leftovers(): readonly string[]
}

type Driver = { readonly service: NodeService } & Readonly<Record<CallName, () => Promise<unknown>>>

export interface Wish {
  readonly transport?: 'iscsi' | 'nvme' | 'auto'
  readonly kind?: 'mount' | 'block'
  readonly multipath?: boolean
  readonly readOnly?: boolean
  readonly fsType?: 'ext4' | 'xfs'
  readonly mode?: NonNullable<VolumeCapability__Output['accessMode']>['mode']
  readonly host?: FakeHostOptions
}

export const CALL: CsiCall = {
  signal: new AbortController().signal,
  deadlineMs: null,
  log: silentLogger,
}

export function world(wish: Wish = {}): World {
  // hundreds of records are made durable, and none of them has to survive the machine
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'basalt-node-'))
  const host = fakeHost(wish.host)
  const clock = new StepClock()
  const states = join(folder, 'state')
  const stagingPath = join(folder, 'staging')
  const targetPath = join(folder, 'pods', 'target')
  const driverOn = (tools: HostTools, store: StateStore): Driver => {
    const service = nodeService({
      nodeId: 'n1',
      host: tools,
      states: store,
      clock,
      topology: {},
      volumesMax: 0,
    })
    const { stage, publish, expand, at } = requestsOf(wish, { stagingPath, targetPath })
    return {
      service,
      stage: () => service.NodeStageVolume.handle(stage, CALL),
      publish: () => service.NodePublishVolume.handle(publish, CALL),
      expand: () => service.NodeExpandVolume.handle(expand, CALL),
      unpublish: () => service.NodeUnpublishVolume.handle({ volumeId: VOLUME, targetPath }, CALL),
      unstage: () => service.NodeUnstageVolume.handle(at, CALL),
    }
  }
  return {
    host,
    clock,
    folder,
    stagingPath,
    targetPath,
    driver: async () => driverOn(host, await stateFiles(states)),
    mortal: async (effects) => {
      const life = { left: effects, dead: false }
      const driver = driverOn(dying(host, life), dying(await stateFiles(states), life))
      return { ...driver, died: () => life.dead }
    },
    leftovers: () => [
      ...host.leftovers(),
      ...(existsSync(states) ? readdirSync(states).map((name) => `state ${name}`) : []),
      ...(existsSync(targetPath) ? [`path ${targetPath}`] : []),
    ],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Reads have no effect; a driver that dies before one has died after the effect before. */
const READS = /^(load|mounts|pathKind|usageOf|contentOf|devicesOf|iscsiSessions|nvmeControllers|transports)$/

function dying<T extends object>(inner: T, life: { left: number; dead: boolean }): T {
  return new Proxy(inner, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, receiver)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]): Promise<unknown> => {
        const isEffect = !READS.test(String(name))
        if (life.dead || (isEffect && life.left === 0)) {
          life.dead = true
          throw new Died(`dead before ${String(name)}`)
        }
        const answer: unknown = await Reflect.apply(value, target, given)
        if (isEffect) life.left--
        return answer
      }
    },
  })
}

export function capabilityOf(wish: Wish): VolumeCapability__Output {
  const accessMode = { mode: wish.mode ?? 'SINGLE_NODE_WRITER' }
  if (wish.kind === 'block') return { block: {}, accessType: 'block', accessMode }
  const mount = { fsType: wish.fsType ?? '', mountFlags: ['noatime'], volumeMountGroup: '' }
  return { mount, accessType: 'mount', accessMode }
}

function requestsOf(wish: Wish, { stagingPath, targetPath }: { stagingPath: string; targetPath: string }) {
  const transport = wish.transport ?? 'auto'
  const iqn = 'iqn.2026-11.io.basalt:v'
  const nqn = 'nqn.2026-11.io.basalt:v'
  const volumeCapability = capabilityOf(wish)
  const context = {
    volumeContext: encodeVolumeContext({ name: 'v', iqn, nqn, transport, fsType: 'ext4' }),
    publishContext: encodePublishContext({
      ...{ iqn, nqn, transport, lun: 0, nsid: 1 },
      iscsiPortals: ['10.0.0.1:3260', '10.0.0.2:3260', '10.0.0.3:3260'],
      nvmePortals: ['10.0.0.1:4420', '10.0.0.2:4420'],
      isMultipath: wish.multipath === true,
      isReadOnly: wish.readOnly === true,
    }),
    secrets: {},
  }
  const at = { volumeId: VOLUME, stagingTargetPath: stagingPath }
  return {
    at,
    stage: { ...at, ...context, volumeCapability },
    publish: { ...at, ...context, volumeCapability, targetPath, readonly: false },
    expand: {
      ...at,
      volumePath: targetPath,
      capacityRange: { requiredBytes: String(64 * MIB), limitBytes: '0' },
      volumeCapability,
      secrets: {},
    },
  }
}
