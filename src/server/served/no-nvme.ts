/** NVMe/TCP of a process that listens nowhere for it: volumes have their names, and nobody comes by them. */
import type { NvmeView } from '../volume-host.ts'
import type { FrontEnd, FrontEndVolume, FrontEndVolumeOptions } from './front-end.ts'

const nothing = async (): Promise<void> => undefined

export class NoNvme implements FrontEnd<NvmeView> {
  readonly addresses = []
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  volume({ name }: Pick<FrontEndVolumeOptions, 'name'>): FrontEndVolume<NvmeView> {
    const nqn = `${this.#prefix}:${name}`
    return {
      name: nqn,
      attach: nothing,
      detach: nothing,
      setAccess: () => undefined,
      settled: nothing,
      setPaths: nothing,
      remove: nothing,
      sessions: 0,
      describe: () => ({ nqn, portals: [], sessions: [], sessionsBegun: 0 }),
    }
  }

  readonly know = (): void => undefined
  readonly knowsAll = (): void => undefined
  readonly drain = nothing
  readonly close = nothing
}
