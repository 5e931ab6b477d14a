/** What a benchmark is asked to do: flags as text, checked and with their defaults. */
import { BlockError } from '../base/errors.ts'
import { parseSize } from '../base/sizes.ts'
import { MIB } from '../base/units.ts'
import { LOADS, type LoadKind } from './access.ts'

export interface BenchOptions {
  /** `iscsi://…` or `nvme://…`. */
  readonly url: string
  readonly load: LoadKind
  /** Size of one operation, a multiple of 512. */
  readonly unitBytes: number
  /** Commands under way on each connection. */
  readonly queueDepth: number
  readonly connections: number
  readonly seconds: number
  /** Writes of a connection after which it makes them durable; 0 for never. */
  readonly syncEvery: number
  readonly verify: boolean
  /** Writes whatever the device holds. */
  readonly destroysData: boolean
}

type FlagTexts = Readonly<Record<string, string | boolean | undefined>>

const UNIT_BYTES_MAX = 16 * MIB

/** INVALID_ARGUMENT names the flag. */
export function parseBenchOptions(flags: FlagTexts): BenchOptions {
  const load = LOADS.find((known) => known === (flags.rw ?? 'randread'))
  if (load === undefined) throw invalid('--rw', flags.rw, `one of ${LOADS.join(', ')}`)
  return {
    url: urlOf(flags),
    load,
    unitBytes: unitBytesOf(flags.bs ?? '4k'),
    queueDepth: integer(flags, 'qd', { least: 1, most: 1024, otherwise: 32 }),
    connections: integer(flags, 'connections', { least: 1, most: 64, otherwise: 1 }),
    seconds: integer(flags, 'seconds', { least: 1, most: 86_400, otherwise: 5 }),
    syncEvery: integer(flags, 'sync-every', { least: 0, most: 1_000_000, otherwise: 0 }),
    verify: flags.verify === true,
    destroysData: flags['yes-destroy-data'] === true,
  }
}

function urlOf({ iscsi, nvme }: FlagTexts): string {
  if (typeof iscsi === 'string' && typeof nvme === 'string') {
    throw new BlockError('INVALID_ARGUMENT', '--iscsi and --nvme are two targets; one is measured')
  }
  if (typeof nvme === 'string') {
    if (!nvme.startsWith('nvme://')) throw invalid('--nvme', nvme, 'nvme://HOST[:PORT]/NQN')
    return nvme
  }
  if (typeof iscsi === 'string' && !iscsi.startsWith('nvme://')) return iscsi
  const forms = '--iscsi URL is needed: iscsi://HOST[:PORT]/TARGET[/LUN]; or --nvme nvme://HOST[:PORT]/NQN'
  throw new BlockError('INVALID_ARGUMENT', forms)
}

/** `4k` and `1m` are how benchmarks are written everywhere; other sizes as in all flags. */
function unitBytesOf(given: string | boolean): number {
  const text = String(given).replace(/^(\d+)([km])$/i, (_, digits: string, unit: string) =>
    unit.toLowerCase() === 'k' ? `${digits}KiB` : `${digits}MiB`,
  )
  const bytes = parseSize(text, '--bs')
  if (bytes >= 512 && bytes <= UNIT_BYTES_MAX && bytes % 512 === 0) return bytes
  throw invalid('--bs', given, 'a multiple of 512 bytes, at most 16MiB')
}

function integer(
  flags: FlagTexts,
  name: string,
  { least, most, otherwise }: { least: number; most: number; otherwise: number },
): number {
  const given = flags[name]
  if (given === undefined) return otherwise
  const value = /^\d{1,9}$/.test(String(given)) ? Number(given) : Number.NaN
  if (value >= least && value <= most) return value
  throw invalid(`--${name}`, given, `an integer from ${least} to ${most}`)
}

function invalid(flag: string, given: string | boolean | undefined, expected: string): BlockError {
  return new BlockError('INVALID_ARGUMENT', `${flag}: '${given}' is not ${expected}`)
}
