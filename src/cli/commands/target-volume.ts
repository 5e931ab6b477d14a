/** The volume of a target: the one that was named, or the only one. */
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import { pathOf } from '../../client/wire/common.ts'
import { VolumeList } from '../../client/wire/target.ts'
import type { Call } from '../command.ts'

export interface TargetVolume {
  readonly api: ApiClient
  readonly name: string
  /** `/block/volumes/NAME`, and what follows. */
  path(...more: readonly string[]): string
}

/** INVALID_ARGUMENT when none is named and there is not exactly one. */
export async function findVolume(call: Call, named?: string): Promise<TargetVolume> {
  const api = await call.connect()
  const name = named === undefined ? await onlyVolume(api) : parseVolumeName(named, 'NAME')
  return { api, name, path: (...more) => pathOf('volumes', name, ...more) }
}

async function onlyVolume(api: ApiClient): Promise<string> {
  const { volumes } = await api.get('/block/volumes', VolumeList)
  const [only, ...others] = volumes
  if (only !== undefined && others.length === 0) return only.name
  const names = volumes.map((volume) => volume.name).join(', ')
  throw new BlockError('INVALID_ARGUMENT', `NAME is missing; the target has ${names || 'no volumes'}`)
}
