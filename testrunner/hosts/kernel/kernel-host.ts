/** A host with the initiators of a machine's kernel: open-iscsi with multipath, nvme-cli. */
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { ApiClient } from '../../../src/client/http/api-client.ts'
import type { Machine } from '../../backends/backend.ts'
import { attachmentOf } from '../attach-info.ts'
import type { Disk, Host } from '../disk.ts'
import type { HostNames } from '../names.ts'
import { InstalledDiskProgram } from './installed-disk-program.ts'
import { KernelDisk } from './kernel-disk.ts'
import { type KernelPlaces, machineTools } from './machine-tools.ts'
import { connectDisk, disconnectDisk, rescan, type SessionWish } from './sessions.ts'

export interface KernelHostOptions {
  /** Where the disks appear; commands run there as root. */
  readonly machine: Machine
  readonly names: HostNames
  readonly api: ApiClient
  readonly clock: Clock
  /** `/sys` and `/dev` unless told otherwise. */
  readonly places?: KernelPlaces
  /** What could not be taken away. */
  log(text: string): void
}

export function kernelHost({ machine, names, api, clock, places, log }: KernelHostOptions): Host {
  const tools = machineTools(machine, places)
  const disks: Disk[] = []
  const program = new InstalledDiskProgram(machine)
  return {
    name: machine.name,
    kind: 'kernel',
    names,
    disks,
    attach: async ({ volume, transport, isMultipath, isReadOnly }, signal) => {
      const attachment = await attachmentOf({ api, clock }, { volume, transport }, signal)
      const interfaceName = `basalt-${machine.name}-${attachment.volumeId}`
      const wish: SessionWish = { attachment, isMultipath, names, interfaceName }
      try {
        const device = await connectDisk(tools, clock, wish, signal)
        await tools.devices.setReadOnly(device, isReadOnly)
        const facts = { volume, host: machine.name, transport, devicePath: device.path }
        const parts = {
          clock,
          command: await program.command(device.path),
          rescan: () => rescan(tools, wish),
          release: async (): Promise<void> => {
            await disconnectDisk(tools, clock, wish, log)
            const at = disks.indexOf(disk)
            if (at >= 0) disks.splice(at, 1)
          },
        }
        const disk = await KernelDisk.open(machine, facts, parts, signal)
        disks.push(disk)
        return disk
      } catch (error) {
        await disconnectDisk(tools, clock, wish, log)
        throw error
      }
    },
    close: async () => {
      await Promise.all([...disks].map((disk) => disk.detach()))
    },
  }
}
