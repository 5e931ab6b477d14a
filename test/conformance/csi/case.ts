/**
 * What a case is, and what it is given. A behaviour is one file: a call of the specification, each case a sentence about it. A
 * case throws when the driver does something else. What it makes is taken away after it, the last first.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { ControllerPublishVolumeResponse__Output } from '../../../src/gen/csi/v1/ControllerPublishVolumeResponse.ts'
import type { CreateVolumeRequest } from '../../../src/gen/csi/v1/CreateVolumeRequest.ts'
import type { Snapshot__Output } from '../../../src/gen/csi/v1/Snapshot.ts'
import type { Volume__Output } from '../../../src/gen/csi/v1/Volume.ts'
import type { VolumeCapability } from '../../../src/gen/csi/v1/VolumeCapability.ts'
import type { Api } from '../../e2e/cluster/fixture/api.ts'
import { CallRefused, type CsiClient } from './fixture/client.ts'
import { type Drivers, NODE_ID } from './fixture/drivers.ts'

export interface Case {
  readonly name: string
  readonly run: (c: Context) => Promise<void>
}

/** A behaviour and its cases. */
export interface Behaviour {
  readonly name: string
  readonly cases: readonly Case[]
}

export const behaviour = (
  name: string,
  cases: Readonly<Record<string, (c: Context) => Promise<void>>>,
): Behaviour => ({ name, cases: Object.entries(cases).map(([what, run]) => ({ name: what, run })) })

export const MIB = 1024 * 1024
/** Of volumes whose size does not matter. */
export const SIZE = 16 * MIB
/** An id of the right form that nothing has. */
export const ABSENT_ID = '00000000-0000-4000-8000-00000000dead'
/** An id that this driver never gave. */
export const FOREIGN_ID = 'fake-vol-id-0123456789'

type Mode = NonNullable<NonNullable<VolumeCapability['accessMode']>['mode']>

export const mount = (mode: Mode = 'SINGLE_NODE_WRITER', fsType = ''): VolumeCapability => ({
  mount: { fsType },
  accessMode: { mode },
})
export const block = (mode: Mode = 'SINGLE_NODE_WRITER'): VolumeCapability => ({
  block: {},
  accessMode: { mode },
})

export interface Staged {
  readonly volume: Volume__Output
  readonly publishContext: Record<string, string>
  readonly stagingPath: string
  /** Not there yet. */
  readonly targetPath: string
  readonly capability: VolumeCapability
}

let names = 0

export class Context {
  readonly drivers: Drivers
  readonly #undo: (() => Promise<unknown>)[] = []

  constructor(drivers: Drivers) {
    this.drivers = drivers
  }

  /** Of the driver that is a whole node. */
  get client(): CsiClient {
    return this.drivers.all.client
  }

  /** The controller for many nodes. */
  get wide(): CsiClient['controller'] {
    return this.drivers.controller.client.controller
  }

  get api(): Api {
    return this.drivers.cluster.api
  }

  /** A name that no other case uses. */
  name(prefix = 'v'): string {
    return `${prefix}-${process.pid}-${++names}`
  }

  /** A folder of this case. */
  path(): string {
    return mkdtempSync(join(this.drivers.folder, 'case-'))
  }

  /** What is undone after the case, the last first; its failure is the case's. */
  later(undo: () => Promise<unknown>): void {
    this.#undo.push(undo)
  }

  /** A volume that goes with the case. */
  async volume(wish: Partial<CreateVolumeRequest> = {}): Promise<Volume__Output> {
    const { volume } = await this.client.controller.CreateVolume(this.wish(wish))
    assert.ok(volume, 'no volume in the answer')
    this.forget(volume.volumeId)
    return volume
  }

  /** The request for a small volume of one replica. */
  wish(more: Partial<CreateVolumeRequest> = {}): CreateVolumeRequest {
    return {
      name: this.name(),
      capacityRange: { requiredBytes: String(SIZE) },
      volumeCapabilities: [mount()],
      parameters: { replicas: '1' },
      ...more,
    }
  }

  /** Deletes the volume after the case. */
  forget(volumeId: string): void {
    this.later(() => this.client.controller.DeleteVolume({ volumeId }))
  }

  async snapshot(sourceVolumeId: string, name = this.name('s')): Promise<Snapshot__Output> {
    const { snapshot } = await this.client.controller.CreateSnapshot({ sourceVolumeId, name })
    assert.ok(snapshot, 'no snapshot in the answer')
    this.later(() => this.client.controller.DeleteSnapshot({ snapshotId: snapshot.snapshotId }))
    return snapshot
  }

  /** Published to the node, which it leaves with the case. */
  async publish(
    volume: Volume__Output,
    volumeCapability: VolumeCapability = mount(),
    more: { readonly readonly?: boolean } = {},
  ): Promise<ControllerPublishVolumeResponse__Output> {
    const { volumeId, volumeContext } = volume
    const request = { volumeId, nodeId: NODE_ID, volumeCapability, volumeContext, ...more }
    const published = await this.client.controller.ControllerPublishVolume(request)
    this.later(() => this.client.controller.ControllerUnpublishVolume({ volumeId, nodeId: NODE_ID }))
    return published
  }

  /** A volume that is staged on the node. */
  async staged(
    capability: VolumeCapability = mount(),
    wish: Partial<CreateVolumeRequest> = {},
  ): Promise<Staged> {
    const volume = await this.volume({ volumeCapabilities: [capability], ...wish })
    const { publishContext } = await this.publish(volume, capability)
    const folder = this.path()
    const staged: Staged = {
      volume,
      publishContext,
      stagingPath: join(folder, 'staging'),
      targetPath: join(folder, 'target'),
      capability,
    }
    mkdirSync(staged.stagingPath)
    await this.client.node.NodeStageVolume(stageOf(staged))
    const { volumeId } = volume
    this.later(() => this.client.node.NodeUnstageVolume({ volumeId, stagingTargetPath: staged.stagingPath }))
    return staged
  }

  /** A volume that is staged and published at its target path. */
  async published(
    capability: VolumeCapability = mount(),
    wish: Partial<CreateVolumeRequest> = {},
  ): Promise<Staged> {
    const staged = await this.staged(capability, wish)
    await this.client.node.NodePublishVolume(publishOf(staged))
    const { volume, targetPath } = staged
    this.later(() => this.client.node.NodeUnpublishVolume({ volumeId: volume.volumeId, targetPath }))
    return staged
  }

  /** Takes away what the case made. */
  async end(): Promise<void> {
    const failures: unknown[] = []
    for (const undo of this.#undo.splice(0).reverse()) {
      await undo().catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** The request that staged it. */
export const stageOf = ({ volume, publishContext, stagingPath, capability }: Staged) => ({
  volumeId: volume.volumeId,
  publishContext,
  stagingTargetPath: stagingPath,
  volumeCapability: capability,
  volumeContext: volume.volumeContext,
})

/** The request that publishes it at its target path. */
export const publishOf = (staged: Staged) => ({ ...stageOf(staged), targetPath: staged.targetPath })

/** Passes when the call is refused with one of `codes`, and its sentence with `pattern`. */
export async function refused(codes: string, call: Promise<unknown>, pattern = /./): Promise<void> {
  const wanted = codes.split('|')
  let answer: unknown
  try {
    answer = await call
  } catch (error) {
    if (!(error instanceof CallRefused)) throw error
    assert.ok(wanted.includes(error.code), `wanted ${codes}, got ${error.message}`)
    assert.match(error.message, pattern)
    return
  }
  assert.fail(`wanted ${codes}, got the answer ${JSON.stringify(answer)}`)
}

/** The volume's id once more. */
export const sameVolume = (one: Volume__Output | null, other: Volume__Output | null): void => {
  assert.ok(one?.volumeId)
  assert.equal(other?.volumeId, one.volumeId)
}
