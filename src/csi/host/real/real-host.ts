/** The host itself: its tools, found on PATH, and what the kernel tells in /proc and /sys. */
import type { Logger } from '../../../base/log.ts'
import type { HostTools } from '../host-tools.ts'
import { deviceTools } from './devices.ts'
import { fileSystemTools } from './file-systems.ts'
import { iscsiTools } from './iscsi.ts'
import { mountTools } from './mounts.ts'
import { nvmeTools } from './nvme.ts'
import { pathTools } from './paths.ts'
import { runner } from './run.ts'
import { transportsOf } from './transports.ts'

export interface RealHostOptions {
  /** Which tool ran with which status, at level debug; never its arguments. */
  readonly log: Logger
  /** Folders of the kernel's own file systems; `/proc`, `/sys` and `/dev` unless told otherwise. */
  readonly proc?: string
  readonly sys?: string
  readonly dev?: string
}

/** Errors as `HostTools` has them. */
export function realHost({ log, proc = '/proc', sys = '/sys', dev = '/dev' }: RealHostOptions): HostTools {
  const run = runner(log)
  return {
    transports: () => transportsOf(run, sys),
    ...iscsiTools(run, sys),
    ...nvmeTools(run, sys),
    ...deviceTools(run, { sys, dev }),
    ...fileSystemTools(run),
    ...mountTools(run, proc),
    ...pathTools(run),
  }
}
