/**
 * Finds the volume that a target is to serve, or makes it. What the operator says of size and logical block must
 * be true of a volume that is there: a target never changes a volume to fit a flag.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import { formatSize } from '../base/sizes.ts'
import { formatUuid, randomUuid } from '../base/uuid.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import { createVolume } from '../blockvol/create.ts'
import type { VolumeCatalog } from './volume-catalog.ts'

export interface WantedVolume {
  readonly name: string
  readonly sizeBytes: number | undefined
  readonly logicalBlockBytes: 512 | 4096 | undefined
  readonly readOnly: boolean
  /** Holds a directory for each volume's log, named as the volume's own. */
  readonly logRoot: string | undefined
}

export interface VolumePlace {
  readonly directory: string
  readonly logDirectory: string | undefined
}

/**
 * NOT_FOUND when it is not there and may not or cannot be made; CONFLICT when it is there and is not as wanted.
 * Errors name the flag.
 */
export async function ensureVolume(
  ports: VolumePorts,
  catalog: VolumeCatalog,
  wanted: WantedVolume,
): Promise<VolumePlace> {
  const { name, sizeBytes, logicalBlockBytes, logRoot } = wanted
  const there = await catalog.find(name)
  if (there === undefined) return makeVolume(ports, catalog, wanted)
  if (sizeBytes !== undefined && sizeBytes !== there.sizeBytes) {
    throw new BlockError(
      'CONFLICT',
      `--size ${describeSize(sizeBytes)}: volume '${name}' is there with ${describeSize(there.sizeBytes)}; leave --size out to serve it as it is`,
    )
  }
  if (logicalBlockBytes !== undefined && logicalBlockBytes !== there.logicalBlockBytes) {
    throw new BlockError(
      'CONFLICT',
      `--logical-block ${logicalBlockBytes}: volume '${name}' is there with ${there.logicalBlockBytes}; leave --logical-block out to serve it as it is`,
    )
  }
  return { directory: there.directory, logDirectory: logDirectoryOf(logRoot, there.uuid) }
}

async function makeVolume(
  ports: VolumePorts,
  catalog: VolumeCatalog,
  wanted: WantedVolume,
): Promise<VolumePlace> {
  const { name, sizeBytes, logicalBlockBytes, readOnly, logRoot } = wanted
  const missing = `--volume ${name}: there is no such volume in --data`
  if (readOnly) throw new BlockError('NOT_FOUND', `${missing}, and --read-only makes none`)
  if (sizeBytes === undefined) {
    throw new BlockError('NOT_FOUND', `${missing}; to make it, give its size, for example --size 10GiB`)
  }
  const uuid = randomUuid(ports.random)
  const logDirectory = logDirectoryOf(logRoot, formatUuid(uuid))
  const directory = await catalog.add(uuid, (unfinished) =>
    createVolume(ports, {
      directory: unfinished,
      ...(logDirectory === undefined ? {} : { logDirectory }),
      uuid,
      name,
      sizeBytes,
      logicalBlockBytes: logicalBlockBytes ?? 512,
    }).catch((cause: unknown) => {
      if (!isBlockError(cause, 'INVALID_ARGUMENT')) throw cause
      throw new BlockError('INVALID_ARGUMENT', `--size ${describeSize(sizeBytes)}: ${cause.message}`, {
        cause,
      })
    }),
  )
  ports.logger.info('volume.created', { volume: name, sizeBytes, directory })
  return { directory, logDirectory }
}

const logDirectoryOf = (root: string | undefined, uuid: string): string | undefined =>
  root === undefined ? undefined : `${root}/${uuid}`

/** Both forms: the short one is rounded, and two sizes that differ must not read alike. */
const describeSize = (bytes: number): string => `${formatSize(bytes)} (${bytes} bytes)`
