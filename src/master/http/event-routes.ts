/** The cluster's log of events: in pages, and as it grows. */
import { Type } from 'typebox'
import type { Clock } from '../../base/ports/clock.ts'
import { parseUuid } from '../../base/uuid.ts'
import { RequestRefusal } from '../../http/problem.ts'
import type { EventFilter, MasterApi } from '../master-api.ts'
import { EventList, eventResource } from './cluster-resource.ts'
import { EventStream } from './event-stream.ts'
import type { MasterGate } from './gate.ts'
import { CLOSED, Count, PAGE_DEFAULT, PAGE_MAX, ServerName, VolumeName } from './schemas.ts'
import type { TypedApp } from './typed-app.ts'

const STREAMS_MAX = 64

const FILTER = { volume: Type.Optional(VolumeName), server: Type.Optional(ServerName) }
const ListQuery = Type.Object(
  {
    ...FILTER,
    after: Type.Optional({ ...Count, description: 'Only events with a greater number' }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT })),
  },
  CLOSED,
)
const StreamQuery = Type.Object(
  {
    ...FILTER,
    after: Type.Optional({ ...Count, description: 'As the header last-event-id, which goes before it' }),
  },
  CLOSED,
)
const StreamAnswer = {
  description: 'Server-sent events: `id` is the number, `data` the event as the list shows it',
  content: { 'text/event-stream': { schema: Type.Unsafe<EventStream>({ type: 'string' }) } },
}

export interface EventRouteOptions {
  readonly api: MasterApi
  readonly gate: Pick<MasterGate, 'isStillAdmitted'>
  readonly clock: Clock
}

export function addEventRoutes(app: TypedApp, { api, gate, clock }: EventRouteOptions): void {
  const streams = new Set<EventStream>()
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.destroy()
  })

  app.get(
    '/block/events',
    { schema: { summary: 'Events, oldest first', querystring: ListQuery, response: { 200: EventList } } },
    async ({ query }) => {
      const { after, limit = PAGE_DEFAULT } = query
      const events = api.events({
        ...filterOf(api, query),
        ...(after === undefined ? {} : { after }),
        limit,
      })
      return { events: events.map(eventResource), last: events.at(-1)?.number ?? null }
    },
  )

  app.get(
    '/block/events/stream',
    {
      schema: {
        summary: 'Events as they are recorded',
        querystring: StreamQuery,
        response: { 200: StreamAnswer },
      },
    },
    async (request, reply) => {
      if (streams.size >= STREAMS_MAX) {
        throw new RequestRefusal(503, `${STREAMS_MAX} clients follow the events already; try again later`, {
          reason: 'too_many_streams',
        })
      }
      const stream = new EventStream({
        api,
        filter: filterOf(api, request.query),
        after: lastEventOf(request.headers['last-event-id']) ?? request.query.after,
        clock,
        isStillAdmitted: () => gate.isStillAdmitted(request),
      })
      streams.add(stream)
      stream.once('close', () => streams.delete(stream))
      reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no')
      return stream
    },
  )
}

/** Names become ids; what is an id already may be of something that is gone. NOT_FOUND for other names. */
function filterOf(
  api: MasterApi,
  { volume, server }: { readonly volume?: string; readonly server?: string },
): EventFilter {
  const idOf = (name: string, find: (name: string) => string): string =>
    parseUuid(name) === undefined ? find(name) : name
  return {
    ...(volume === undefined ? {} : { volume: idOf(volume, (name) => api.volume(name).record.uuid) }),
    ...(server === undefined ? {} : { server: idOf(server, (name) => api.server(name).record.id) }),
  }
}

function lastEventOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const number = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
  if (number !== undefined) return number
  throw new RequestRefusal(400, "'last-event-id' is to be the id of an event, a number", {
    reason: 'invalid_request',
  })
}
