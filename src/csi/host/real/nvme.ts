/** NVMe/TCP by nvme-cli, controllers as the kernel shows them in /sys. Secrets are arguments of a command for the moment that it runs. */
import { join } from 'node:path'
import { formatHostPort, parseHostPort } from '../../../base/address.ts'
import { BlockError } from '../../../base/errors.ts'
import type { NvmeConnect, NvmeController, NvmeTools } from '../host-tools.ts'
import { type KernelFiles, ownFiles } from './kernel-files.ts'
import { type Finished, type Run, said } from './run.ts'

const CONNECT_MS = 45_000
const DISCONNECT_MS = 45_000
const RESCAN_MS = 20_000

/** What docs/hosts.md advises: a path is not given up, comes back soon, and is noticed when it hangs. */
const SETTINGS = ['--reconnect-delay=1', '--ctrl-loss-tmo=-1', '--keep-alive-tmo=5'] as const

export function nvmeTools(run: Run, sys: string, files = ownFiles): NvmeTools {
  return {
    nvmeControllers: () => controllersIn(files, sys),
    nvmeConnect: async (connect) => {
      await run('nvme', connectArguments(connect), {
        timeoutMs: CONNECT_MS,
        accept: [0, 1, 114],
        explain,
      }).then((finished) => {
        if (finished.status === 0 || /already (connected|in progress)/i.test(said(finished))) return
        throw explain(finished)
      })
    },
    nvmeDisconnect: async ({ name }) => {
      const isThere = (await controllersIn(files, sys)).some((one) => one.name === name)
      if (isThere) await run('nvme', ['disconnect', '-d', name], { timeoutMs: DISCONNECT_MS })
    },
    nvmeRescan: async ({ name }) => {
      await run('nvme', ['ns-rescan', `/dev/${name}`], { timeoutMs: RESCAN_MS })
    },
  }
}

function connectArguments({ nqn, hostNqn, hostId, portal, dhchap }: NvmeConnect): readonly string[] {
  const { host, port } = parseHostPort(portal, 'portal')
  return [
    ...['connect', '-t', 'tcp', '-a', host, '-s', String(port), '-n', nqn],
    ...[`--hostnqn=${hostNqn}`, `--hostid=${hostId}`, ...SETTINGS],
    ...(dhchap === null ? [] : [`--dhchap-secret=${dhchap.secret}`]),
    ...(dhchap?.controllerSecret === undefined ? [] : [`--dhchap-ctrl-secret=${dhchap.controllerSecret}`]),
  ]
}

async function controllersIn(files: KernelFiles, sys: string): Promise<readonly NvmeController[]> {
  const folder = join(sys, 'class', 'nvme')
  const found = await Promise.all(
    (await files.namesIn(folder)).map(async (name): Promise<NvmeController | undefined> => {
      const of = (file: string): Promise<string | undefined> => files.textOf(join(folder, name, file))
      const [transport, nqn, hostNqn, address = '', state] = await Promise.all(
        ['transport', 'subsysnqn', 'hostnqn', 'address', 'state'].map(of),
      )
      if (transport !== 'tcp' || nqn === undefined || hostNqn === undefined) return undefined
      const parts = new Map(address.split(',').map((part) => [part.split('=')[0], part.split('=')[1]]))
      const portal = formatHostPort({
        host: parts.get('traddr') ?? '',
        port: Number(parts.get('trsvcid') ?? 0),
      })
      const volumeId = await namespaceOf(files, join(folder, name))
      return { name, nqn, hostNqn, portal, isLive: state === 'live', volumeId }
    }),
  )
  return found.filter((controller) => controller !== undefined)
}

/** A subsystem of a volume has one namespace; its path of this controller says the UUID, where the kernel tells it. */
async function namespaceOf(files: KernelFiles, controller: string): Promise<string | null> {
  for (const name of await files.namesIn(controller)) {
    if (!/^nvme\d+(?:c\d+)?n\d+$/.test(name)) continue
    const uuid = await files.textOf(join(controller, name, 'uuid'))
    if (uuid !== undefined) return uuid.toLowerCase()
  }
  return null
}

function explain(finished: Finished): BlockError {
  const words = `nvme ended with ${said(finished)}`
  const isRefused = /invalid host|access denied|not permitted|authenticat|key was rejected|not allowed/i
  return new BlockError(isRefused.test(words) ? 'ACCESS_DENIED' : 'DISCONNECTED', words)
}
