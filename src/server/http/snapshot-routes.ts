/** Snapshots of the volume of a target, over its admin API. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import { PROBLEM_ANSWERS } from '../../http/problem.ts'
import { type TargetSnapshot, type TargetSnapshots, textOf } from '../snapshots/target-snapshots.ts'
import type { VolumeHost } from '../volume-host.ts'

const Count = Type.Integer({ minimum: 0 })
const Text = Type.String()
const CLOSED = { additionalProperties: false } as const

const Snapshot = Type.Object({
  id: Text,
  name: Text,
  lsn: Count,
  sizeBytes: Count,
  createdAt: Type.String({ format: 'date-time' }),
  heldBytes: Type.Integer({ minimum: 0, description: 'Kept for it and older ones' }),
  exclusiveBytes: Type.Integer({ minimum: 0, description: 'What deleting it alone would give back' }),
  exposed: Type.Union([
    Type.Object({ iqn: Text, nqn: Text, iscsi: Type.Array(Text), nvme: Type.Array(Text) }),
    Type.Null(),
  ]),
})
const SnapshotList = Type.Object({ snapshots: Type.Array(Snapshot) })
const Gone = { ...Type.Null(), description: 'It is deleted' }
const Restored = Type.Object({ restored: Text })

const Name = Type.String({ pattern: VOLUME_NAME_PATTERN })
const Volume = Type.Object({ name: Name })
const One = Type.Object({
  name: Name,
  snapshot: Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Its name, or its id' }),
})
const NewBody = Type.Object({ name: Name }, CLOSED)
const RestoreBody = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: 'Even while hosts are logged in' })) },
  CLOSED,
)
const ExposeBody = Type.Object({ exposed: Type.Boolean() }, CLOSED)

interface OfVolume {
  Params: Static<typeof Volume>
}
interface OfOne {
  Params: Static<typeof One>
}

function snapshotResource({
  info,
  heldBytes,
  exclusiveBytes,
  exposed,
}: TargetSnapshot): Static<typeof Snapshot> {
  return {
    id: textOf(info.id),
    name: info.name,
    lsn: info.lsn,
    sizeBytes: info.sizeBytes,
    createdAt: new Date(info.createdWallMs).toISOString(),
    heldBytes,
    exclusiveBytes,
    exposed:
      exposed === undefined
        ? null
        : {
            iqn: exposed.iscsi.iqn,
            nqn: exposed.nvme.nqn,
            iscsi: exposed.iscsi.portals.map(({ address }) => address),
            nvme: exposed.nvme.portals.map(({ address }) => address),
          },
  }
}

export function addSnapshotRoutes(
  app: FastifyInstance,
  { volumes, snapshots }: { readonly volumes: VolumeHost; readonly snapshots: () => TargetSnapshots },
): void {
  const all = '/block/volumes/:name/snapshots'
  const one = `${all}/:snapshot`
  /** NOT_FOUND when the name is of no volume. */
  const of = (name: string): TargetSnapshots => {
    volumes.get(name)
    return snapshots()
  }

  const listSchema = {
    summary: 'Snapshots of a volume, oldest first',
    params: Volume,
    response: { 200: SnapshotList, ...PROBLEM_ANSWERS },
  }
  app.get<OfVolume>(all, { schema: listSchema }, async ({ params }) => ({
    snapshots: (await of(params.name).list()).map(snapshotResource),
  }))

  const createSchema = {
    summary: 'Keep the volume as it is at this moment, under a name',
    params: Volume,
    body: NewBody,
    response: { 201: Snapshot, ...PROBLEM_ANSWERS },
  }
  app.post<OfVolume & { Body: Static<typeof NewBody> }>(
    all,
    { schema: createSchema },
    async ({ params, body }, reply) =>
      reply.code(201).send(snapshotResource(await of(params.name).create(body.name))),
  )

  const showSchema = {
    summary: 'One snapshot',
    params: One,
    response: { 200: Snapshot, ...PROBLEM_ANSWERS },
  }
  app.get<OfOne>(one, { schema: showSchema }, async ({ params }) =>
    snapshotResource(await of(params.name).get(params.snapshot)),
  )

  const deleteSchema = {
    summary: 'Delete a snapshot',
    params: One,
    response: { 204: Gone, ...PROBLEM_ANSWERS },
  }
  app.delete<OfOne>(one, { schema: deleteSchema }, async ({ params }, reply) => {
    await of(params.name).delete(params.snapshot)
    return reply.code(204).send(null)
  })

  const restoreSchema = {
    summary: 'Make the volume what it was; refused while hosts are logged in, unless forced',
    params: One,
    body: RestoreBody,
    response: { 200: Restored, ...PROBLEM_ANSWERS },
  }
  app.post<OfOne & { Body: Static<typeof RestoreBody> }>(
    `${one}/restore`,
    { schema: restoreSchema },
    async ({ params, body }) => {
      await of(params.name).restore(params.snapshot, { force: body.force === true })
      return { restored: params.snapshot }
    },
  )

  const exposeSchema = {
    summary: 'Let hosts log in to a snapshot, read-only; or no longer',
    params: One,
    body: ExposeBody,
    response: { 200: Snapshot, ...PROBLEM_ANSWERS },
  }
  app.post<OfOne & { Body: Static<typeof ExposeBody> }>(
    `${one}/expose`,
    { schema: exposeSchema },
    async ({ params, body }) => snapshotResource(await of(params.name).expose(params.snapshot, body.exposed)),
  )
}
