/** Snapshots, clones and scrubs of volumes. */
import { Type } from 'typebox'
import { Job } from './cluster-resource.ts'
import type { RouteContext } from './context.ts'
import { nextCursor, pageOf } from './paging.ts'
import { ByVolume } from './schemas.ts'
import {
  BySnapshot,
  CloneBody,
  derivedWishOf,
  ExposeBody,
  GroupBody,
  RestoreBody,
  ScrubBody,
  Snapshot,
  SnapshotBody,
  SnapshotList,
  SnapshotPage,
  SnapshotQuery,
  snapshotResource,
} from './snapshot-resource.ts'
import type { TypedApp } from './typed-app.ts'
import { Volume, volumeResource } from './volume-resource.ts'

const Gone = { ...Type.Null(), description: 'It is deleted' }
const Cloned = Type.Object({
  ...Volume.properties,
  job: Type.Union([Type.String({ description: 'Id of the job that fills it' }), Type.Null()]),
})

export function addSnapshotRoutes(app: TypedApp, { api, callerOf, sendJob }: RouteContext): void {
  app.get(
    '/block/snapshots',
    {
      schema: {
        summary: 'Snapshots of all volumes, oldest first; sizes as they were known last',
        querystring: SnapshotQuery,
        response: { 200: SnapshotPage },
      },
    },
    async ({ query }) => {
      const { volume, group, name } = query
      const page = api.allSnapshots({
        ...pageOf(query),
        ...(volume === undefined ? {} : { volume }),
        ...(group === undefined ? {} : { group }),
        ...(name === undefined ? {} : { name }),
      })
      return { snapshots: page.items.map(snapshotResource), next_cursor: nextCursor(page.next) }
    },
  )

  app.get(
    '/block/volume/:name/snapshots',
    {
      schema: {
        summary: 'Snapshots of a volume, oldest first',
        params: ByVolume,
        response: { 200: SnapshotList },
      },
    },
    async ({ params }) => ({ snapshots: (await api.snapshots(params.name)).map(snapshotResource) }),
  )

  app.post(
    '/block/volume/:name/snapshots',
    {
      schema: {
        summary: 'Keep the volume as it is at this moment, under a name',
        params: ByVolume,
        body: SnapshotBody,
        response: { 201: Snapshot },
      },
    },
    async (request, reply) => {
      const view = await api.createSnapshot(callerOf(request), request.params.name, request.body)
      const { volumeName, record } = view
      reply.code(201).header('location', `/block/volume/${volumeName}/snapshots/${record.name}`)
      return snapshotResource(view)
    },
  )

  app.get(
    '/block/volume/:name/snapshots/:snapshot',
    { schema: { summary: 'One snapshot', params: BySnapshot, response: { 200: Snapshot } } },
    async ({ params }) => snapshotResource(await api.snapshot(params.name, params.snapshot)),
  )

  app.delete(
    '/block/volume/:name/snapshots/:snapshot',
    { schema: { summary: 'Delete a snapshot', params: BySnapshot, response: { 204: Gone } } },
    async (request, reply) => {
      await api.deleteSnapshot(callerOf(request), request.params.name, request.params.snapshot)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/block/volume/:name/snapshots/:snapshot/restore',
    {
      schema: {
        summary: 'Make the volume what it was; refused while hosts are logged in, unless forced',
        params: BySnapshot,
        body: RestoreBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const wish = { force: body.force === true }
      return sendJob(reply, await api.restoreSnapshot(callerOf(request), params.name, params.snapshot, wish))
    },
  )

  app.post(
    '/block/volume/:name/snapshots/:snapshot/clone',
    {
      schema: {
        summary: 'Make a volume of a snapshot: there at once, and filled while it is used',
        params: BySnapshot,
        body: CloneBody,
        response: { 201: Cloned },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const wish = derivedWishOf(body)
      const made = await api.cloneSnapshot(callerOf(request), params.name, params.snapshot, wish)
      reply.code(201).header('location', `/block/volume/${made.volume.record.name}`)
      return { ...volumeResource(made.volume), job: made.job?.id ?? null }
    },
  )

  app.post(
    '/block/volume/:name/snapshots/:snapshot/expose',
    {
      schema: {
        summary: 'Let hosts log in to a snapshot, read-only; or no longer',
        params: BySnapshot,
        body: ExposeBody,
        response: { 200: Snapshot },
      },
    },
    async (request) => {
      const { params, body } = request
      return snapshotResource(
        await api.exposeSnapshot(callerOf(request), params.name, params.snapshot, body.exposed),
      )
    },
  )

  app.post(
    '/block/snapshot-groups',
    {
      schema: {
        summary: 'Snapshots of several volumes at one moment, under one name',
        body: GroupBody,
        response: { 201: SnapshotList },
      },
    },
    async (request, reply) => {
      const made = await api.createSnapshotGroup(callerOf(request), request.body)
      reply.code(201)
      return { snapshots: made.map(snapshotResource) }
    },
  )

  app.post(
    '/block/volume/:name/scrub',
    {
      schema: {
        summary: 'Verify every block of every replica, and compare them',
        params: ByVolume,
        body: ScrubBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const wish = { repair: request.body.repair ?? true }
      return sendJob(reply, await api.scrubVolume(callerOf(request), request.params.name, wish))
    },
  )
}
