/** Paths of volumes, as they pass over the stream of a block server (`Paths` of `proto/master.proto`). */
import {
  type PathRole,
  PORTALS_MAX,
  SLOTS_MAX,
  type VolumePath,
  type VolumePaths,
} from '../frontend/paths.ts'
import type { Path, Path__Output as PathOut } from '../gen/basalt/master/v1/Path.ts'
import type { Paths, Paths__Output as PathsOut } from '../gen/basalt/master/v1/Paths.ts'
import type {
  VolumePaths as PathsOfIn,
  VolumePaths__Output as PathsOfOut,
} from '../gen/basalt/master/v1/VolumePaths.ts'
import type { ToServer } from '../master/links.ts'
import { atMost, hostPort, malformed, meaning, natural, server, text, uuid, within } from './fields.ts'

type PathsMessage = Extract<ToServer, { readonly kind: 'paths' }>

/** Of initiators or hosts that one volume names. */
export const NAMES_MAX = 4096
const NAME_LENGTH_MAX = 223
/** Of one message; the master sends fewer. */
const VOLUMES_MAX = 4096

const ROLE_IN = {
  active: 'PATH_ROLE_ACTIVE',
  standby: 'PATH_ROLE_STANDBY',
  transitioning: 'PATH_ROLE_TRANSITIONING',
  unavailable: 'PATH_ROLE_UNAVAILABLE',
} as const satisfies Record<PathRole, string>
const ROLE_OUT: Readonly<Record<string, PathRole>> = {
  PATH_ROLE_ACTIVE: 'active',
  PATH_ROLE_STANDBY: 'standby',
  PATH_ROLE_TRANSITIONING: 'transitioning',
  PATH_ROLE_UNAVAILABLE: 'unavailable',
}

export const pathsIn = ({ isFirst, isLast, volumes, removed }: PathsMessage): Paths => ({
  isFirst,
  isLast,
  volumes: volumes.map(volumeIn),
  removed: [...removed],
})

export const pathsOf = ({ isFirst, isLast, volumes, removed }: PathsOut): PathsMessage => ({
  kind: 'paths',
  isFirst,
  isLast,
  volumes: atMost(volumes, VOLUMES_MAX, 'paths.volumes').map(volumeOf),
  removed: atMost(removed, VOLUMES_MAX, 'paths.removed').map((one) => uuid(one, 'paths.removed')),
})

const volumeIn = ({ initiators, hosts, paths, ...same }: VolumePaths): PathsOfIn => ({
  ...same,
  initiators: namesIn(initiators),
  hosts: namesIn(hosts),
  paths: paths.map(pathIn),
})

function volumeOf(message: PathsOfOut): VolumePaths {
  const { logicalBlockBytes: block, isMultipath, initiators, hosts } = message
  if (block !== 512 && block !== 4096) {
    throw malformed('paths.logical_block_bytes', `${block} is neither 512 nor 4096`)
  }
  const paths = atMost(message.paths, SLOTS_MAX, 'paths.paths').map(pathOf)
  if (paths.length === 0) throw malformed('paths.paths', 'a volume has at least one path')
  // what a host must not see twice comes from the slot
  if (new Set(paths.map(({ slot }) => slot)).size < paths.length) {
    throw malformed('paths.paths', 'two of them have one slot')
  }
  if (paths.filter(({ role }) => role === 'active').length > 1) {
    throw malformed('paths.paths', 'more than one of them is active')
  }
  return {
    volume: uuid(message.volume, 'paths.volume'),
    name: text(message.name, NAME_LENGTH_MAX, 'paths.name'),
    sizeBytes: natural(message.sizeBytes, 'paths.size_bytes'),
    logicalBlockBytes: block,
    isMultipath,
    initiators: namesOf(initiators, 'paths.initiators'),
    hosts: namesOf(hosts, 'paths.hosts'),
    paths,
  }
}

const pathIn = ({ server, slot, role, iscsi, nvme }: VolumePath): Path => ({
  server,
  slot,
  role: ROLE_IN[role],
  iscsi: [...iscsi],
  nvme: [...nvme],
})

const pathOf = (message: PathOut): VolumePath => ({
  server: server(message.server, 'paths.server'),
  slot: within(message.slot, 0, SLOTS_MAX - 1, 'paths.slot'),
  role: meaning(ROLE_OUT, message.role, 'paths.role'),
  iscsi: portalsOf(message.iscsi, 'paths.iscsi'),
  nvme: portalsOf(message.nvme, 'paths.nvme'),
})

export const portalsOf = (portals: readonly string[], field: string): readonly string[] =>
  atMost(portals, PORTALS_MAX, field).map((portal) => hostPort(portal, field))

interface Names {
  readonly names: readonly string[]
}

export const namesIn = (names: readonly string[] | null): { names: string[] } | null =>
  names === null ? null : { names: [...names] }

export const namesOf = (message: Names | null, field: string): readonly string[] | null =>
  message === null
    ? null
    : atMost(message.names, NAMES_MAX, field).map((name) => text(name, NAME_LENGTH_MAX, field))
