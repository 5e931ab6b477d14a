/**
 * `basalt start`, the first thing to try: a sample volume, served, tested through a real connection, with the commands
 * that mount it. Takes no settings from the environment, so that it does the same everywhere.
 */
import { formatHostPort, type HostPort, parseHostPort } from '../base/address.ts'
import type { FlagValues } from '../cli/program.ts'
import { selfTest } from '../server/self-test.ts'
import { startTarget } from './target.ts'
import { VERSION } from './version.ts'

const VOLUME = 'sample'
const SIZE = '512MiB'

export async function runStart(flags: FlagValues): Promise<number> {
  const { once, ...given } = flags
  const data = String(given.data ?? './.basalt/start')
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  let step = 0
  const sayStep = (text: string): void => say(`${++step}. ${text}`)

  say(`Basalt ${VERSION} on Node.js ${process.version}\n`)
  const target = await startTarget(
    { 'log-level': 'warn', ...withoutUndefined(given), data, volume: VOLUME, size: SIZE },
    {},
  )
  const { iqn, iscsi, admin } = target.daemon.ready
  const portal = parseHostPort(iscsi, '--iscsi')
  sayStep(`Volume '${VOLUME}' of ${SIZE}, with its data in ${data}, is served at ${iscsi}`)
  try {
    await selfTest({ ...target.ports, portal, iqn, say: sayStep })
  } catch (error) {
    target.stop()
    await target.stopped
    throw error
  }
  if (once === true) {
    target.stop()
    const exitCode = await target.stopped
    sayStep('Stopped, with everything durable')
    return exitCode
  }
  say(`\nIt works. To use it as a disk of this machine (open-iscsi, as root):\n`)
  for (const line of mountCommands(portal, iqn)) say(`  ${line}`)
  say(`\nState:   http://${admin}/ui`)
  say(`         ./basalt volume show --admin ${admin}`)
  say('Ctrl-C stops it; the data stays.')
  return target.stopped
}

/** Lines to paste, each one as it is. */
function mountCommands(portal: HostPort, iqn: string): string[] {
  const address = formatHostPort(portal)
  const node = `sudo iscsiadm -m node -T ${iqn} -p ${address}`
  const disk = `/dev/disk/by-path/ip-${address}-iscsi-${iqn}-lun-0`
  return [
    `sudo iscsiadm -m discovery -t sendtargets -p ${address}`,
    `${node} --login`,
    'lsblk --scsi',
    `sudo mkfs.ext4 ${disk}`,
    `sudo mount -o discard ${disk} /mnt`,
    '',
    'sudo umount /mnt',
    `${node} --logout`,
  ]
}

const withoutUndefined = (flags: FlagValues): FlagValues =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
