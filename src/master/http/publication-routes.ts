/** Publications: nodes that use a volume, let in and shut out. */
import { Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import { refusal } from '../core/lookup.ts'
import { type AccessSealer, DhchapBody, sealedDhchap } from './access.ts'
import type { RouteContext } from './context.ts'
import { CLOSED, nullable, VolumeName } from './schemas.ts'
import type { TypedApp } from './typed-app.ts'
import { Publication, publicationResource } from './volume-resource.ts'

const ByPublication = Type.Object({
  name: VolumeName,
  node: Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Name of the node' }),
})
/** Of an iSCSI name and an NQN, the longer. */
const HostName = Type.String({ minLength: 1, maxLength: 223 })
const PublicationBody = Type.Object(
  {
    initiator: Type.Optional(nullable(HostName)),
    host: Type.Optional(nullable(HostName)),
    dhchap: Type.Optional(nullable(DhchapBody)),
    read_only: Type.Optional(Type.Boolean({ default: false })),
    shared: Type.Optional(
      Type.Boolean({ default: false, description: 'Others that are shared may stand beside it' }),
    ),
  },
  {
    ...CLOSED,
    description:
      'The IQN, the NQN or both, by which the node logs in; with `dhchap` it proves itself over NVMe',
  },
)
const Gone = { ...Type.Null(), description: 'The node can do no more harm' }

export function addPublicationRoutes(
  app: TypedApp,
  { api, callerOf, seal }: RouteContext & { readonly seal: AccessSealer },
): void {
  app.put(
    '/block/volume/:name/publications/:node',
    {
      schema: {
        summary: 'Let a node use the volume; the same again is answered alike',
        params: ByPublication,
        body: PublicationBody,
        response: { 200: Publication },
      },
    },
    async (request) => {
      const { params, body } = request
      const view = await api.publishVolume(callerOf(request), params.name, {
        node: params.node,
        initiator: body.initiator ?? null,
        host: body.host ?? null,
        dhchap: body.dhchap == null ? null : sealedDhchap(body.dhchap, seal),
        isReadOnly: body.read_only ?? false,
        isShared: body.shared ?? false,
      })
      const made = view.record.publications.find(({ node }) => node === params.node)
      if (made === undefined) {
        throw refusal('CONFLICT', 'unpublished', `volume ${params.name} was unpublished there meanwhile`)
      }
      return publicationResource(made)
    },
  )

  app.delete(
    '/block/volume/:name/publications/:node',
    {
      schema: {
        summary: 'Shut a node out: answered when its sessions are over and no server lets it in',
        params: ByPublication,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      await api.unpublishVolume(callerOf(request), request.params.name, request.params.node)
      return reply.code(204).send(null)
    },
  )
}
