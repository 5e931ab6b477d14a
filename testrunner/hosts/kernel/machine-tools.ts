/** The tools and the kernel's files of a machine, as those who work with a host's own take them. */
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import type { DeviceTools, IscsiTools, NvmeTools } from '../../../src/csi/host/host-tools.ts'
import { deviceTools } from '../../../src/csi/host/real/devices.ts'
import { iscsiTools } from '../../../src/csi/host/real/iscsi.ts'
import type { KernelFiles } from '../../../src/csi/host/real/kernel-files.ts'
import { nvmeTools } from '../../../src/csi/host/real/nvme.ts'
import { type Run, said } from '../../../src/csi/host/real/run.ts'
import type { Machine } from '../../backends/backend.ts'

const READ_MS = 20_000
/** Folders of the kernel's own file systems. */
export interface KernelPlaces {
  readonly sys: string
  readonly dev: string
}
const PLACES: KernelPlaces = { sys: '/sys', dev: '/dev' }

export interface MachineTools {
  readonly run: Run
  readonly iscsi: IscsiTools
  readonly nvme: NvmeTools
  readonly devices: DeviceTools
}

export function machineTools(machine: Machine, places = PLACES): MachineTools {
  const run = machineRun(machine)
  const files = machineFiles(machine)
  return {
    run,
    iscsi: iscsiTools(run, places.sys, files),
    nvme: nvmeTools(run, places.sys, files),
    devices: deviceTools(run, places, files),
  }
}

/** As root. Errors as `Run` has them. */
function machineRun(machine: Machine): Run {
  return async (tool, args, { timeoutMs, accept = [0], explain }) => {
    const { code, signal, stdout, stderr, isTimedOut } = await ran(machine, tool, args, timeoutMs)
    if (isTimedOut) {
      throw new BlockError('TIMED_OUT', `${tool} did not end within ${Math.round(timeoutMs / 1000)} s`)
    }
    if (code === null)
      throw new BlockError('ABORTED', `${tool} was ended by ${signal ?? 'the end of its machine'}`)
    const finished = { status: code, stdout, stderr }
    if (accept.includes(code)) return finished
    throw explain?.(finished) ?? new BlockError('DISK', `${tool} ended with ${said(finished)}`)
  }
}

/** The kernel's files of a machine, by `cat` and its like. */
function machineFiles(machine: Machine): KernelFiles {
  const output = async (tool: string, ...args: readonly string[]): Promise<string | undefined> => {
    const { code, stdout } = await ran(machine, tool, args, READ_MS)
    return code === 0 ? stdout : undefined
  }
  return {
    textOf: async (path) => (await output('cat', path))?.trim(),
    bytesOf: async (path) => {
      const text = await output('base64', '-w0', path)
      return text === undefined ? undefined : Buffer.from(text, 'base64')
    },
    namesIn: async (path) => ((await output('ls', '-1A', path)) ?? '').split('\n').filter(Boolean).sort(),
    targetOf: async (path) => (await output('realpath', '-e', path))?.trim(),
  }
}

async function ran(machine: Machine, tool: string, args: readonly string[], timeoutMs: number) {
  try {
    return await machine.run([tool, ...args], {
      ...{ timeoutMs, asRoot: true, environment: { LC_ALL: 'C' } },
    })
  } catch (error) {
    if (!isBlockError(error, 'NOT_FOUND')) throw error
    throw new BlockError('NOT_FOUND', `${tool} is not installed on ${machine.name}`, { cause: error })
  }
}
