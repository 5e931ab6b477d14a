/** A host with initiators of this process: no root, no kernel, and what it knows survives whatever is killed. */
import type { ApiClient } from '../../../src/client/http/api-client.ts'
import { type Attachment, attachmentOf } from '../attach-info.ts'
import type { AttachOptions, Disk, Host } from '../disk.ts'
import type { HostNames } from '../names.ts'
import { iscsiCommands, nvmeCommands } from './commands.ts'
import { GroupedPaths } from './iscsi-groups.ts'
import { RedirectedPath } from './iscsi-redirected.ts'
import { NvmePaths } from './nvme-paths.ts'
import { type HostPorts, PATH_TIMES, type PathTimes } from './paths.ts'
import { type DiskFacts, PatientDisk } from './patient-disk.ts'

/** An ISID of random format with nothing random in it; each attachment has as many as a volume may have portals. */
const ISID_FIRST = 0x8000_0000_0001
const ISIDS = 64

export interface UserHostOptions {
  /** h1, h2, … */
  readonly name: string
  readonly names: HostNames
  readonly api: ApiClient
  readonly ports: HostPorts
  readonly times?: PathTimes
}

export function userHost(options: UserHostOptions): Host {
  const { name, names, api, ports, times = PATH_TIMES } = options
  const disks: Disk[] = []
  let attachments = 0

  const open = (attachment: Attachment, wish: AttachOptions, signal: AbortSignal): Promise<Disk> => {
    const { transport, target, unit, portals } = attachment
    const facts: DiskFacts = { volume: wish.volume, host: name, transport, isReadOnly: wish.isReadOnly }
    let disk: Disk | undefined
    const onDetach = (): void => {
      const at = disk === undefined ? -1 : disks.indexOf(disk)
      if (at >= 0) disks.splice(at, 1)
    }
    const opening =
      transport === 'nvme'
        ? PatientDisk.open(
            facts,
            {
              ...{ clock: ports.clock, commands: nvmeCommands(unit), onDetach },
              finder: new NvmePaths(
                ports,
                { nqn: target, hostNqn: names.nqn, hostId: names.hostId },
                portals,
                { isSingle: !wish.isMultipath, times },
              ),
            },
            signal,
          )
        : PatientDisk.open(
            facts,
            {
              ...{ clock: ports.clock, commands: iscsiCommands(), onDetach },
              finder: new (wish.isMultipath ? GroupedPaths : RedirectedPath)(
                ports,
                {
                  ...{ iqn: target, lun: unit, initiatorName: names.initiator },
                  isid: ISID_FIRST + ISIDS * attachments++,
                },
                portals,
                times,
              ),
            },
            signal,
          )
    return opening.then((made) => {
      disk = made
      disks.push(made)
      return made
    })
  }

  return {
    name,
    kind: 'user',
    names,
    disks,
    attach: async (wish, signal) =>
      await open(await attachmentOf({ api, clock: ports.clock }, wish, signal), wish, signal),
    close: async () => {
      await Promise.all([...disks].map((disk) => disk.detach()))
    },
  }
}
