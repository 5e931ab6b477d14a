/** What this host can attach: tools, modules, and how the kernel is set. A module that is not loaded is tried. */
import { join } from 'node:path'
import { isBlockError } from '../../../base/errors.ts'
import type { TransportSupport } from '../host-tools.ts'
import { ownFiles } from './kernel-files.ts'
import type { Run } from './run.ts'

const TOOL_MS = 20_000

/** iSCSI first; `why` says what is missing. */
export async function transportsOf(run: Run, sys: string): Promise<readonly TransportSupport[]> {
  const has = async (tool: string, args: readonly string[]): Promise<boolean> => {
    try {
      await run(tool, args, { timeoutMs: TOOL_MS })
      return true
    } catch (error) {
      if (isBlockError(error)) return false
      throw error
    }
  }
  const loaded = async (module: string): Promise<boolean> =>
    (await ownFiles.textOf(join(sys, 'module', module, 'initstate'))) === 'live' ||
    (await has('modprobe', [module]))

  const iscsi = async (): Promise<string> => {
    if (!(await has('iscsiadm', ['--version']))) return 'iscsiadm (open-iscsi) is not installed'
    return (await loaded('iscsi_tcp')) ? '' : 'the module iscsi_tcp cannot be loaded'
  }
  const nvme = async (): Promise<string> => {
    if (!(await has('nvme', ['version']))) return 'nvme (nvme-cli) is not installed'
    if (!(await loaded('nvme_tcp'))) return 'the module nvme_tcp cannot be loaded'
    const multipath = await ownFiles.textOf(join(sys, 'module', 'nvme_core', 'parameters', 'multipath'))
    return multipath === 'Y' ? '' : 'nvme_core.multipath is not Y: every path would be a disk of its own'
  }
  const [whyIscsi, whyNvme] = await Promise.all([iscsi(), nvme()])
  return [
    { transport: 'iscsi', usable: whyIscsi === '', why: whyIscsi },
    { transport: 'nvme', usable: whyNvme === '', why: whyNvme },
  ]
}
