/** Volumes as the master's API shows them, asked with the step's signal. */
import { Job } from '../../../src/client/wire/job.ts'
import { ClusterVolume, type Replica, volumePath } from '../../../src/client/wire/volume.ts'
import { text } from '../../model/parameters.ts'
import type { ActionContext } from '../action.ts'

/** The parameter that most actions have. */
export const volumeName = (help = 'name of the volume') => text(help)

export const volumeOf = ({ world, signal }: ActionContext, name: string): Promise<ClusterVolume> =>
  world.cluster.api.call('GET', volumePath(name), ClusterVolume, undefined, signal)

export const leaderIn = ({ replicas }: ClusterVolume): Replica | undefined =>
  replicas.find(({ role }) => role === 'primary')

export const postForJob = (
  { world, signal }: ActionContext,
  path: string,
  body: unknown = {},
): Promise<Job> => world.cluster.api.call('POST', path, Job, body, signal)
