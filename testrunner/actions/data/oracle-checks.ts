/** What was acknowledged, held against what volumes have. */
import { oneOf, optional, text, withDefault } from '../../model/parameters.ts'
import type { LedgerMark } from '../../oracle/oracle.ts'
import { defineAction } from '../action.ts'
import { ATTACHED, diskOf } from '../hosts/attached.ts'
import { couldNot } from '../shared/failures.ts'
import { volumeName } from '../shared/volumes.ts'

export const oracleVerify = defineAction({
  name: 'oracle_verify',
  group: 'data',
  summary: 'Read everything that was ever written to a volume and compare it with what was acknowledged',
  parameters: {
    ...ATTACHED,
    written_to: optional(
      text('the volume whose writes are expected, for a clone or a restored copy; the same unless told'),
    ),
    at: optional(text('label of oracle_snapshot: what was true then is expected')),
  },
  result: 'blocks: how many were compared',
  timeoutMs: 300_000,
  async run({ world, signal }, { written_to, at, ...name }) {
    const disk = diskOf(world, name)
    const ledger = world.oracle.ledger(written_to ?? name.volume)
    const { blocks } = await (at === undefined
      ? ledger.verify(disk, signal)
      : ledger.verifyAt(at, disk, signal))
    if (blocks === 0) throw couldNot(`nothing was written to ${ledger.volume}, so nothing was verified`)
    return { blocks }
  },
})

const markKey = (volume: string, label: string): string => `mark ${label} of ${volume}`

export const oracleSnapshot = defineAction({
  name: 'oracle_snapshot',
  group: 'data',
  summary: 'Remember what a snapshot must show: once before it is asked for, and once when it is there',
  parameters: {
    volume: volumeName(),
    label: text('names this moment for oracle_verify and oracle_rewind'),
    moment: oneOf(['before', 'after'], 'before the snapshot is asked for, or after it was made'),
  },
  async run({ world, signal }, { volume, label, moment }) {
    signal.throwIfAborted()
    const key = markKey(volume, label)
    if (moment === 'before') {
      world.shared.set(key, world.oracle.ledger(volume).remember(label))
      return undefined
    }
    const mark = world.shared.get(key) as LedgerMark | undefined
    if (mark === undefined) throw couldNot(`oracle_snapshot did not hear of ${label} before it was made`)
    world.shared.delete(key)
    mark.end()
    return undefined
  },
})

export const oracleRewind = defineAction({
  name: 'oracle_rewind',
  group: 'data',
  summary: 'Tell the oracle that a volume was set back to a remembered moment',
  parameters: { volume: volumeName(), label: text('of oracle_snapshot') },
  async run({ world, signal }, { volume, label }) {
    signal.throwIfAborted()
    world.oracle.ledger(volume).rewind(label)
    return undefined
  },
})

export const oracleAllowLoss = defineAction({
  name: 'oracle_allow_loss',
  group: 'data',
  summary:
    'Tell the oracle that writes that were not flushed may be gone: the only replica that had them was lost, which best_effort allows',
  parameters: { volume: volumeName(), why: withDefault(text('for the report'), 'the mode allows it') },
  async run(context, { volume, why }) {
    context.signal.throwIfAborted()
    context.progress(`writes to ${volume} that were not flushed may be lost: ${why}`)
    context.world.oracle.ledger(volume).allowLoss()
    return undefined
  },
})
