/**
 * One volume as an orchestrator uses it: made and published by the controller outside, staged and published by the driver in
 * the guest. Each call to the driver is made twice. Where the wish says so it is made once more before, and the driver is killed
 * in its middle: at a moment of the call's own and not of a clock, so that it is the same on a machine that is busy.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { equal, need, note, tool } from './checks.ts'
import { controller, type Driver, NODE_ID } from './driver.ts'

export const MIB = 1 << 20
const RETRY_MS = 1_000
const GIVE_UP_MS = 120_000

export interface VolumeWish {
  readonly name: string
  readonly sizeMib: number
  readonly transport: 'iscsi' | 'nvme'
  /** Null: a raw block device. */
  readonly fsType: 'ext4' | 'xfs' | null
  readonly snapshotId?: string
  /** Calls in which the driver is killed, once each, and when. */
  readonly kills: Kills
  /** The driver alone, whose tools go on, or with them. */
  readonly killed?: 'driver' | 'container'
}

type Texts = Readonly<Record<string, string>>
export type Call = 'stage' | 'publish' | 'expand' | 'unpublish' | 'unstage'

/** When a tool of the host has ended for the n-th time in the call, which is when the next one is begun. */
export type Kills = Partial<Readonly<Record<Call, readonly [tool: string, times: number]>>>

/** What the controller or the driver answers when the same call is to be made again. */
const PASSING = /ABORTED|UNAVAILABLE|DEADLINE_EXCEEDED/

export class GuestVolume {
  readonly id: string
  readonly staging: string
  readonly target: string
  readonly #driver: Driver
  readonly #wish: VolumeWish
  readonly #context: Texts
  #publish: Texts = {}
  #sizeMib: number
  readonly #kills: Map<string, readonly [string, number]>

  private constructor(driver: Driver, wish: VolumeWish, made: { volumeId: string; volumeContext: Texts }) {
    this.id = made.volumeId
    this.staging = `/tmp/staging/${made.volumeId}`
    this.target = `/tmp/pods/${wish.name}/${wish.fsType === null ? 'device' : 'mount'}`
    this.#driver = driver
    this.#wish = wish
    this.#context = made.volumeContext
    this.#sizeMib = wish.sizeMib
    this.#kills = new Map(Object.entries(wish.kills))
  }

  /** Made and published to this node. */
  static async make(driver: Driver, wish: VolumeWish): Promise<GuestVolume> {
    type Made = { volume: { volumeId: string; volumeContext: Texts } }
    const { volume } = await controller<Made>('CreateVolume', {
      name: wish.name,
      capacityRange: { requiredBytes: wish.sizeMib * MIB },
      volumeCapabilities: [capabilityOf(wish)],
      parameters: { transport: wish.transport, replicas: '2' },
      ...(wish.snapshotId && { volumeContentSource: { snapshot: { snapshotId: wish.snapshotId } } }),
    })
    const made = new GuestVolume(driver, wish, volume)
    await made.publishToNode()
    return made
  }

  async publishToNode(): Promise<void> {
    const request = {
      volumeId: this.id,
      nodeId: NODE_ID,
      volumeCapability: capabilityOf(this.#wish),
      volumeContext: this.#context,
    }
    // what is made of a snapshot lets nobody in before its content is there
    const answer = await again('ControllerPublishVolume', () =>
      controller<{ publishContext: Texts }>('ControllerPublishVolume', request),
    )
    this.#publish = answer.publishContext
  }

  async remove(): Promise<void> {
    const node = { volumeId: this.id, nodeId: NODE_ID }
    await again('ControllerUnpublishVolume', () => controller('ControllerUnpublishVolume', node))
    await again('DeleteVolume', () => controller('DeleteVolume', { volumeId: this.id }))
  }

  async snapshot(name: string): Promise<string> {
    type Taken = { snapshot: { snapshotId: string } }
    const request = { sourceVolumeId: this.id, name }
    return (await controller<Taken>('CreateSnapshot', request)).snapshot.snapshotId
  }

  /** Larger outside, then here; the driver tells the size that it sees. */
  async grow(sizeMib: number): Promise<void> {
    await controller('ControllerExpandVolume', {
      volumeId: this.id,
      capacityRange: { requiredBytes: sizeMib * MIB },
      volumeCapability: capabilityOf(this.#wish),
    })
    this.#sizeMib = sizeMib
    await this.endure('expand')
  }

  /** As the file says at its top. */
  async endure(call: Call): Promise<void> {
    const name = `${this.#wish.name}: ${call}`
    const kill = this.#kills.get(call)
    this.#kills.delete(call)
    if (kill !== undefined) await need(`${name} is killed in its middle`, () => this.#killIn(call, kill))
    // a tool that the killed driver began may still be at work
    await need(name, () => again(call, () => this.#call(call)))
    await need(`${name} again`, () => this.#call(call))
  }

  async #killIn(call: Call, [tool, times]: readonly [string, number]): Promise<void> {
    const moment = this.#driver.ended(tool, times)
    const answer = this.#call(call).then(
      () => 'it was answered',
      (error: Error) => error.message,
    )
    const first = await Promise.race([moment, answer])
    await this.#driver.kill(this.#wish.killed)
    note(`${call} of ${this.#wish.name}: killed when ${tool} had ended ${times} times: ${await answer}`)
    await this.#driver.start()
    if (first !== undefined) throw new Error(`${tool} had not ended ${times} times: ${first}`)
  }

  async #call(call: Call): Promise<void> {
    const at = { volumeId: this.id, stagingTargetPath: this.staging }
    const full = {
      ...at,
      publishContext: this.#publish,
      volumeContext: this.#context,
      volumeCapability: capabilityOf(this.#wish),
      secrets: {},
    }
    const { node } = this.#driver
    if (call === 'stage') await node.NodeStageVolume(full)
    if (call === 'publish')
      await node.NodePublishVolume({ ...full, targetPath: this.target, readonly: false })
    if (call === 'unpublish') await node.NodeUnpublishVolume({ volumeId: this.id, targetPath: this.target })
    if (call === 'unstage') {
      // who wrote to a disk, or grew it, has udev read it: what it reads of a disk that goes would fail, and be logged
      await tool('udevadm', 'settle')
      await node.NodeUnstageVolume(at)
    }
    if (call !== 'expand') return
    const requiredBytes = this.#sizeMib * MIB
    const answer = await node.NodeExpandVolume({
      ...at,
      volumePath: this.target,
      capacityRange: { requiredBytes },
      volumeCapability: capabilityOf(this.#wish),
    })
    equal(Number(answer.capacityBytes), requiredBytes, 'capacity')
  }

  /** What the driver tells of it: bytes in all, and whether it is well. */
  async stats(): Promise<{
    readonly totalBytes: number
    readonly abnormal: boolean
    readonly message: string
  }> {
    const { usage, volumeCondition } = await this.#driver.node.NodeGetVolumeStats({
      volumeId: this.id,
      volumePath: this.target,
    })
    const bytes = usage.find(({ unit }) => unit === 'BYTES')
    return {
      totalBytes: Number(bytes?.total ?? 0),
      abnormal: volumeCondition?.abnormal ?? true,
      message: volumeCondition?.message ?? '',
    }
  }
}

const capabilityOf = ({ fsType }: VolumeWish): object => ({
  ...(fsType === null ? { block: {} } : { mount: { fsType, mountFlags: ['noatime'] } }),
  accessMode: { mode: 'SINGLE_NODE_WRITER' },
})

/** Makes a call again as an orchestrator does, for `GIVE_UP_MS` at most. */
async function again<T>(name: string, call: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + GIVE_UP_MS
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const { message } = error as Error
      note(`${name} is to be made again: ${message}`)
      if (performance.now() > endMs || !PASSING.test(message)) throw error
      await delay(RETRY_MS)
    }
  }
}
