/** What `basalt dev` tells: as JSON lines for programs, as sentences for people. */
import type { Displaced } from './addresses.ts'

export type DevEvent =
  | ({ readonly event: 'portTaken' } & Displaced)
  | {
      readonly event: 'started'
      readonly name: string
      readonly pid: number
      readonly http: string
      /** Of block servers. */
      readonly iscsi?: string
      readonly nvme?: string
    }
  | { readonly event: 'died'; readonly name: string; readonly how: string }
  | { readonly event: 'back'; readonly name: string; readonly pid: number }
  | {
      readonly event: 'volume'
      readonly name: string
      /** False: it was there. */
      readonly isNew: boolean
      readonly sizeBytes: number
      readonly replicas: number
      readonly iqn: string
      readonly portal: string
      readonly nqn: string
      /** HOST:PORT for NVMe. */
      readonly nvme: string
    }
  /** Nothing is promoted or made until an operator has looked; it is waited for. */
  | { readonly event: 'locked'; readonly detail: string; readonly master: string }
  | { readonly event: 'notServed'; readonly name: string; readonly reasons: readonly string[] }
  | { readonly event: 'checked'; readonly text: string }
  | { readonly event: 'ready'; readonly page: string; readonly elapsedMs: number }
  | { readonly event: 'stopping' }
  | { readonly event: 'stopped'; readonly directory: string }

/** The sentence, or undefined for what needs none. */
export function describe(event: DevEvent): string {
  switch (event.event) {
    case 'portTaken':
      return `  ${event.what}: port ${event.wanted} is taken by another program, so it is ${event.used}`
    case 'started': {
      const { iscsi, nvme } = event
      const portals = iscsi === undefined ? '' : `, iSCSI ${iscsi}, NVMe ${nvme}`
      return `  ${event.name.padEnd(9)} pid ${String(event.pid).padEnd(8)} http://${event.http}${portals}`
    }
    case 'died':
      return `${event.name} died (${event.how}); it is started again`
    case 'back':
      return `${event.name} is back, pid ${event.pid}`
    case 'volume':
      return event.isNew
        ? `Volume '${event.name}' of ${event.sizeBytes / 1024 ** 2} MiB was made, with ${event.replicas} replicas; served at ${event.portal}`
        : `Volume '${event.name}' is there from before; served at ${event.portal}`
    case 'locked':
      return `The cluster is locked: ${event.detail}\n'./basalt cluster recover --master ${event.master}' in another terminal takes over what the servers have; waiting for that.`
    case 'notServed':
      return `Volume '${event.name}' is not served yet${event.reasons.map((reason) => `; ${reason}`).join('')}`
    case 'checked':
      return `  ${event.text}`
    case 'ready':
      return `It runs, ${(event.elapsedMs / 1000).toFixed(1)} s after the start.`
    case 'stopping':
      return 'Stopping…'
    case 'stopped':
      return `Stopped, with everything durable in ${event.directory}; the next start finds it.`
  }
}

/** A volume as hosts find it. */
export interface Sample {
  readonly iqn: string
  readonly portal: string
  readonly nqn: string
  /** HOST:PORT for NVMe. */
  readonly nvme: string
}

export interface HintOptions {
  readonly sample: Sample | undefined
  readonly page: string
  readonly master: string
  readonly isDefaultMaster: boolean
  /** Who leads the sample volume. */
  readonly leader: { readonly name: string; readonly pid: number } | undefined
}

/** Lines to paste, each one as it is. */
export function hints({ sample, page, master, isDefaultMaster, leader }: HintOptions): string[] {
  const to = isDefaultMaster ? '' : ` --master ${master}`
  return [
    ...(sample === undefined ? [] : mounting(sample)),
    '',
    'To look at it and change it, in another terminal:',
    '',
    `  ${page}`,
    `  ./basalt cluster status${to}`,
    `  ./basalt volume create second --size 1GiB${to}`,
    `  ./basalt volume list${to}`,
    ...(leader === undefined
      ? []
      : [`  kill -9 ${leader.pid}    # ${leader.name}: another one leads, and it comes back`]),
    '',
    'Ctrl-C stops it; the data stays.',
  ]
}

function mounting({ iqn, portal, nqn, nvme }: Sample): string[] {
  const node = `sudo iscsiadm -m node -T ${iqn} -p ${portal}`
  const [host, port] = [nvme.slice(0, nvme.lastIndexOf(':')), nvme.slice(nvme.lastIndexOf(':') + 1)]
  const disk = `/dev/disk/by-path/ip-${portal}-iscsi-${iqn}-lun-0`
  return [
    '',
    'To use it as a disk of this machine (open-iscsi, as root):',
    '',
    `  sudo iscsiadm -m discovery -t sendtargets -p ${portal}`,
    `  ${node} --login`,
    `  sudo mkfs.ext4 ${disk}`,
    `  sudo mount -o discard ${disk} /mnt`,
    `  sudo umount /mnt && ${node} --logout`,
    '',
    'Or by NVMe over TCP (nvme-cli, as root), on all of its paths:',
    '',
    `  sudo nvme connect-all -t tcp -a ${host} -s ${port}`,
    '  sudo nvme list',
    `  sudo nvme disconnect -n ${nqn}`,
  ]
}
