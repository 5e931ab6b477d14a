/** What all routes of the API are given. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { isBlockError } from '../../base/errors.ts'
import type { Caller, MasterApi } from '../master-api.ts'
import type { JobRecord } from '../records.ts'
import { type Job, jobResource } from './cluster-resource.ts'

export interface RouteContext {
  readonly api: MasterApi
  readonly callerOf: (request: FastifyRequest) => Caller
  readonly showJob: (job: JobRecord) => Static<typeof Job>
  /** 202, with the place where the job is to be asked after. */
  readonly sendJob: (reply: FastifyReply, job: JobRecord) => Static<typeof Job>
}

export function routeContext(api: MasterApi, callerOf: RouteContext['callerOf']): RouteContext {
  const showJob: RouteContext['showJob'] = (job) =>
    jobResource(job, job.volume === null ? null : nameOf(api, job.volume))
  return {
    api,
    callerOf,
    showJob,
    sendJob: (reply, job) => {
      reply.code(202).header('location', `/block/job/${job.id}`)
      return showJob(job)
    },
  }
}

function nameOf(api: MasterApi, volume: string): string | null {
  try {
    return api.volume(volume).record.name
  } catch (error) {
    // The job that deleted it is still there to be asked after.
    if (isBlockError(error, 'NOT_FOUND')) return null
    throw error
  }
}
