/** Another preset for a volume in use: what it comes to, and the job that brings the volume there. Pure. */
import { formatSize } from '../../base/sizes.ts'
import { defaultLogBytes } from '../../base/volume-limits.ts'
import { newJob } from '../jobs/new-job.ts'
import { isSamePolicy, type PresetPolicy, policyData, policyOf, readPolicy } from '../jobs/policy.ts'
import { isOver } from '../jobs/turns.ts'
import { stayingOf } from '../jobs/volume-edits.ts'
import type { Finding } from '../master-api.ts'
import { placeOneMore } from '../placement/place.ts'
import { isPresetName, PRESETS } from '../placement/presets.ts'
import { placementServers } from '../placement/servers.ts'
import type { PresetName, VolumeRecord } from '../records.ts'
import { findMadeVolume, refusal, refuseLocked } from './lookup.ts'
import type { Change, RecordsView } from './records-view.ts'
import { auditEvent, type RequestContext } from './volume-requests.ts'

interface PresetChange {
  readonly volume: string
  /** Null: there is nothing to change. */
  readonly job: string | null
  readonly warnings: readonly Finding[]
}

/**
 * The number of replicas and how many of them have to be in sync become those of the preset; durability mode and log stay.
 * INVALID_ARGUMENT; CONFLICT (`policy_changing`) while another change is under way; NO_SPACE, and CONFLICT when the cluster has
 * too few servers, when a replica that is to be added finds no place.
 */
export function setPreset(
  records: RecordsView,
  name: string,
  preset: string,
  context: RequestContext,
): Change<PresetChange> {
  const { caller, wallMs, jobId } = context
  refuseLocked(records)
  if (!isPresetName(preset)) {
    const names = Object.keys(PRESETS).join(', ')
    throw refusal('INVALID_ARGUMENT', 'unknown_preset', `preset: use one of ${names}`)
  }
  const volume = findMadeVolume(records, name)
  const to = presetPolicy(volume, preset)
  const { uuid } = volume
  const warnings = warningsOf(volume, preset)
  const running = records.jobs().find((job) => job.kind === 'policy' && job.volume === uuid && !isOver(job))
  if (running !== undefined) {
    const isSame = running.state === 'running' && isSamePolicy(readPolicy(running.data.policy), to)
    if (isSame) return { writes: [], result: { volume: uuid, job: running.id, warnings } }
    throw refusal(
      'CONFLICT',
      'policy_changing',
      `job ${running.id} changes the policy of ${volume.name}; wait for its end, or cancel it`,
    )
  }
  const isThere = isSamePolicy(policyOf(volume), to)
  if (isThere && stayingOf(volume).length <= to.replicaFactor) {
    return { writes: [], result: { volume: uuid, job: null, warnings } }
  }
  refuseUnplaceable(records, volume, to, context)
  const job = newJob(jobId, wallMs, {
    kind: 'policy',
    actor: caller.actor,
    volume: uuid,
    step: 'queued',
    data: { policy: policyData(to) },
  })
  const event = auditEvent(caller, {
    kind: 'volume.policy_changing',
    volume: uuid,
    message: `volume ${volume.name} is to have preset ${preset} and ${to.replicaFactor} replicas`,
  })
  return {
    writes: [{ kind: 'job', record: job }],
    events: [event],
    result: { volume: uuid, job: jobId, warnings },
  }
}

function presetPolicy({ policy }: VolumeRecord, preset: PresetName): PresetPolicy {
  const { replicaFactor, minInSync } = PRESETS[preset]
  if (policy.mode.kind === 'sync_quorum' && replicaFactor < 3) {
    throw refusal(
      'INVALID_ARGUMENT',
      'quorum_needs_three',
      `${preset} has ${replicaFactor} replicas, and the volume is sync_quorum, which needs 3 or more`,
    )
  }
  return {
    preset,
    replicaFactor,
    minInSync: policy.mode.kind === 'sync_all' ? minInSync(replicaFactor) : 0,
  }
}

function warningsOf({ policy, logBytes, sizeBytes }: VolumeRecord, preset: PresetName): readonly Finding[] {
  const { durability, logBytes: logOf } = PRESETS[preset]
  const has = logBytes ?? defaultLogBytes(sizeBytes)
  const wanted = logOf(sizeBytes) ?? defaultLogBytes(sizeBytes)
  const warnings: Finding[] = []
  if (has !== wanted) {
    warnings.push({
      code: 'log_size_stays',
      message: `the log stays at ${formatSize(has)}; a new volume of preset ${preset} would have ${formatSize(wanted)}`,
    })
  }
  if (policy.mode.kind !== durability) {
    warnings.push({
      code: 'durability_stays',
      message: `the volume stays ${policy.mode.kind}; a new one of preset ${preset} would be ${durability}`,
    })
  }
  return warnings
}

function refuseUnplaceable(
  records: RecordsView,
  volume: VolumeRecord,
  { preset, replicaFactor }: PresetPolicy,
  { live, settings }: RequestContext,
): void {
  const servers = placementServers(records, live)
  const holding = volume.replicas.map(({ server }) => server)
  const leaving = volume.replicas.filter(({ state }) => state === 'leaving').map(({ server }) => server)
  for (let count = stayingOf(volume).length; count < replicaFactor; count++) {
    const { server, errors } = placeOneMore({ ...volume, preset }, servers, { holding, leaving }, settings)
    if (server === null) {
      const isTooWide = replicaFactor > records.servers().length
      throw refusal(
        isTooWide ? 'CONFLICT' : 'NO_SPACE',
        errors[0]?.code ?? 'rf_not_satisfiable',
        errors[0]?.message ?? 'no server can take one more replica',
      )
    }
    holding.push(server)
  }
}
