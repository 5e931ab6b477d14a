/** Metrics of the file systems that a server's volumes and logs are on. They are asked when somebody scrapes. */
import { isBlockError } from '../base/errors.ts'
import type { Disk } from '../base/ports/disk.ts'
import type { MetricsRegistry, Sample } from '../metrics/registry.ts'

/** `log` when the logs lie in a directory of their own; paths that are undefined are not told of. */
export type DiskDirectories = Readonly<Record<'data' | 'log', string | undefined>>

interface Space {
  readonly directory: string
  readonly freeBytes: number
  readonly totalBytes: number
}

export function addDiskMetrics(
  registry: MetricsRegistry,
  disk: Pick<Disk, 'space'>,
  { directories, server }: { readonly directories: DiskDirectories; readonly server: string },
): void {
  let spaces: readonly Space[] = []
  registry.beforeScrape(async () => {
    const asked = Object.entries(directories).map(async ([directory, path]): Promise<Space[]> => {
      try {
        return path === undefined ? [] : [{ directory, ...(await disk.space(path)) }]
      } catch (error) {
        if (isBlockError(error)) return []
        throw error
      }
    })
    spaces = (await Promise.all(asked)).flat()
  })
  const gauge = (name: string, help: string, read: (space: Space) => number): void =>
    registry.gauge({
      name,
      help,
      labelNames: ['server', 'directory'],
      collect: () =>
        spaces.map(
          (space): Sample => ({
            labels: { server, directory: space.directory },
            value: read(space),
          }),
        ),
    })
  gauge('basalt_server_disk_size_bytes', 'Size of the file system', (space) => space.totalBytes)
  gauge('basalt_server_disk_free_bytes', 'What the file system still has', (space) => space.freeBytes)
}
