/**
 * The Controller and GroupController services. They keep nothing between calls but what the master has, so that several may run
 * at once (a leader election overlaps) and any may die at any time. Of one volume, or of one name, one call runs at a time: the
 * keys below say which; what two processes do at once, the master decides.
 */
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { ControllerService, CsiCall, GroupControllerService, Rpc } from '../server/handlers.ts'
import { expandVolume, getVolume, modifyVolume, validateCapabilities } from './change-volume.ts'
import { CloneSnapshots } from './clone-snapshots.ts'
import { createVolume } from './create-volume.ts'
import { deleteVolume } from './delete-volume.ts'
import { createGroup, deleteGroup, getGroup } from './groups.ts'
import { getCapacity, listSnapshots, listVolumes } from './listing.ts'
import type { MasterPort } from './master-port.ts'
import type { ControllerPorts, OnlyNode } from './ports.ts'
import { publishVolume, unpublishVolume } from './publish.ts'
import { withReasons } from './refusals.ts'
import { createSnapshot, deleteSnapshot } from './snapshots.ts'

export interface ControllerOptions {
  readonly master: MasterPort
  readonly clock: Clock
  readonly log: Logger
  /** The only node that volumes are published to, in a driver that is controller and node of one host; null: any. */
  readonly onlyNode: OnlyNode | null
}

/** What `ControllerGetCapabilities` tells, each of which is implemented here. */
const CAPABILITIES = [
  'CREATE_DELETE_VOLUME',
  'PUBLISH_UNPUBLISH_VOLUME',
  'LIST_VOLUMES',
  'GET_CAPACITY',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'CLONE_VOLUME',
  'PUBLISH_READONLY',
  'EXPAND_VOLUME',
  'LIST_VOLUMES_PUBLISHED_NODES',
  'VOLUME_CONDITION',
  'GET_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
  'MODIFY_VOLUME',
] as const

export class ControllerDriver {
  readonly service: ControllerService
  readonly groupService: GroupControllerService
  readonly #cloneSnapshots: CloneSnapshots

  constructor({ master, clock, log, onlyNode }: ControllerOptions) {
    this.#cloneSnapshots = new CloneSnapshots({ master, clock, log })
    const ports: ControllerPorts = { master, clock, cloneSnapshots: this.#cloneSnapshots, onlyNode }
    this.service = controllerService(ports)
    this.groupService = groupControllerService(ports)
  }

  /** Begins to delete what clones of volumes have left behind. */
  start(): void {
    this.#cloneSnapshots.start()
  }

  async close(): Promise<void> {
    await this.#cloneSnapshots.close()
  }
}

const volumeKey = (id: string): string => (id === '' ? '' : `volume/${id}`)
const volumeNameKey = (name: string): string => (name === '' ? '' : `volume-name/${name}`)
const snapshotKey = (id: string): string => (id === '' ? '' : `snapshot/${id}`)
const snapshotNameKey = (name: string): string => (name === '' ? '' : `snapshot-name/${name}`)

const controllerService = (ports: ControllerPorts): ControllerService => ({
  CreateVolume: rpc(ports, createVolume, ({ name }) => [volumeNameKey(name)]),
  DeleteVolume: rpc(ports, deleteVolume, ({ volumeId }) => [volumeKey(volumeId)]),
  ControllerPublishVolume: rpc(ports, publishVolume, ({ volumeId }) => [volumeKey(volumeId)]),
  ControllerUnpublishVolume: rpc(ports, unpublishVolume, ({ volumeId }) => [volumeKey(volumeId)]),
  ValidateVolumeCapabilities: rpc(ports, validateCapabilities),
  ListVolumes: rpc(ports, listVolumes),
  GetCapacity: rpc(ports, getCapacity),
  ControllerGetCapabilities: rpc(ports, async () => ({
    capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })),
  })),
  // a snapshot does not wait for what else is done to its volume
  CreateSnapshot: rpc(ports, createSnapshot, ({ name }) => [snapshotNameKey(name)]),
  DeleteSnapshot: rpc(ports, deleteSnapshot, ({ snapshotId }) => [snapshotKey(snapshotId)]),
  ListSnapshots: rpc(ports, listSnapshots),
  ControllerExpandVolume: rpc(ports, expandVolume, ({ volumeId }) => [volumeKey(volumeId)]),
  ControllerGetVolume: rpc(ports, getVolume),
  ControllerModifyVolume: rpc(ports, modifyVolume, ({ volumeId }) => [volumeKey(volumeId)]),
})

const groupControllerService = (ports: ControllerPorts): GroupControllerService => ({
  GroupControllerGetCapabilities: rpc(ports, async () => ({
    capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' as const } }],
  })),
  CreateVolumeGroupSnapshot: rpc(ports, createGroup, ({ name }) => [snapshotNameKey(name)]),
  DeleteVolumeGroupSnapshot: rpc(ports, deleteGroup, ({ groupSnapshotId, snapshotIds }) => [
    snapshotNameKey(groupSnapshotId),
    ...snapshotIds.map(snapshotKey),
  ]),
  GetVolumeGroupSnapshot: rpc(ports, getGroup),
})

function rpc<Request, Response>(
  ports: ControllerPorts,
  handle: (ports: ControllerPorts, request: Request, call: CsiCall) => Promise<Response>,
  keysOf?: (request: Request) => readonly string[],
): Rpc<Request, Response> {
  const guarded = withReasons((request: Request, call) => handle(ports, request, call))
  return keysOf === undefined ? { handle: guarded } : { handle: guarded, keysOf }
}
