/** Shows one crash state in full: what led to it, what was unsynced, what the restart found, what was allowed. */
import { placeOf } from '../sim/content.ts'
import type { Unsynced } from '../sim/storage.ts'
import { Explorer, type Found } from './explore.ts'
import { judge } from './judge.ts'
import { record } from './recorder.ts'
import { describe, statesOf } from './run.ts'
import type { Workload } from './workload.ts'

/** Lines about the state of that name (`seed.effect.number`); throws when there is none. */
export async function replay(workload: Workload, name: string): Promise<string[]> {
  const recording = await record(workload, Number(name.split('.')[0]))
  const explorer = new Explorer(workload, recording.model.touchedSectors)
  const lines = [`${workload.name}: ${workload.about}`, '', 'effects:']
  for (const named of statesOf(recording)) {
    if (named.name !== name) continue
    const { snapshot, state } = named
    for (const [index, one] of recording.snapshots.entries()) {
      const mark = one === snapshot ? '>' : ' '
      const { durableLsn, checkpointLsn } = one.reported
      lines.push(`${mark} ${index} ${describe(one)} (durable ${durableLsn}, checkpoint ${checkpointLsn})`)
    }
    lines.push('', `crash: ${state.label}`, 'unsynced:')
    for (const [index, one] of snapshot.storage.unsynced().entries()) lines.push(`  ${index} ${nameOf(one)}`)
    const explored = await explorer.explore(state.build())
    lines.push('', 'found:', ...describeFound(explored.found, explorer.touchedSectors))
    lines.push(`crashes inside the recovery: ${explored.interrupted.length}`)
    const wrong = judge(recording, snapshot, state.kind, explored, explorer.touchedSectors)
    lines.push('', wrong === undefined ? 'allowed' : `NOT ALLOWED: ${wrong}`)
    return lines
  }
  throw new Error(`${workload.name} has no state ${name}`)
}

const nameOf = (one: Unsynced): string =>
  one.kind === 'name'
    ? `${one.what} ${one.from === undefined ? '' : `${one.from} -> `}${one.path}`
    : `${one.change.kind} ${one.path} at ${one.change.offsetBytes}, ${one.change.lengthBytes} bytes`

function describeFound(found: Found, touched: readonly number[]): string[] {
  if (found.refused !== undefined) return [`  refused: ${found.refused}`]
  const { appendedLsn, checkpointLsn, epoch, sizeBytes } = found
  const lines = [`  LSN ${appendedLsn}, checkpoint ${checkpointLsn}, epoch ${epoch}, ${sizeBytes} bytes`]
  if (found.wrong !== undefined) lines.push(`  ${found.wrong}`)
  // runs of sectors with one value
  for (let start = 0; start < touched.length; ) {
    let end = start + 1
    while (end < touched.length && found.values[end] === found.values[start]) end++
    lines.push(
      `  ${placeOf(touched[start]!)} to ${placeOf(touched[end - 1]!)}: operation ${found.values[start]}`,
    )
    start = end
  }
  return lines
}
