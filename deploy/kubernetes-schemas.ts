/**
 * Objects held against the schemas of their kinds: those of Kubernetes by kubernetes-models, those of others by what their
 * definitions ask for, as far as we use it. For tests.
 */
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { KubernetesObject } from './src/names.ts'

const meta = Type.Object(
  {
    name: Type.String(),
    namespace: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { additionalProperties: false },
)
const snapshotClass = (apiVersion: string, kind: string) =>
  Type.Object(
    {
      apiVersion: Type.Literal(apiVersion),
      kind: Type.Literal(kind),
      metadata: meta,
      driver: Type.String({ minLength: 1 }),
      deletionPolicy: Type.Enum(['Delete', 'Retain']),
      parameters: Type.Optional(Type.Record(Type.String(), Type.String())),
    },
    { additionalProperties: false },
  )
const closed = { additionalProperties: false } as const
const snapshotOf = (apiVersion: string, kind: string, className: string, source: TSchema) =>
  Type.Object(
    {
      apiVersion: Type.Literal(apiVersion),
      kind: Type.Literal(kind),
      metadata: meta,
      spec: Type.Object({ [className]: Type.String(), source }, closed),
    },
    closed,
  )
const secretKey = Type.Object({ name: Type.String(), key: Type.String() }, { additionalProperties: false })
const CUSTOM = [
  snapshotOf(
    'snapshot.storage.k8s.io/v1',
    'VolumeSnapshot',
    'volumeSnapshotClassName',
    Type.Object({ persistentVolumeClaimName: Type.String() }, closed),
  ),
  snapshotOf(
    'groupsnapshot.storage.k8s.io/v1',
    'VolumeGroupSnapshot',
    'volumeGroupSnapshotClassName',
    Type.Object(
      { selector: Type.Object({ matchLabels: Type.Record(Type.String(), Type.String()) }, closed) },
      closed,
    ),
  ),
  snapshotClass('snapshot.storage.k8s.io/v1', 'VolumeSnapshotClass'),
  snapshotClass('groupsnapshot.storage.k8s.io/v1', 'VolumeGroupSnapshotClass'),
  Type.Object(
    {
      apiVersion: Type.Literal('monitoring.coreos.com/v1'),
      kind: Type.Literal('ServiceMonitor'),
      metadata: meta,
      spec: Type.Object(
        {
          selector: Type.Object({ matchLabels: Type.Record(Type.String(), Type.String()) }),
          endpoints: Type.Array(
            Type.Object(
              {
                port: Type.String(),
                scheme: Type.Enum(['http', 'https']),
                path: Type.String({ pattern: '^/' }),
                authorization: Type.Object({ credentials: secretKey }, { additionalProperties: false }),
                tlsConfig: Type.Object(
                  {
                    serverName: Type.String(),
                    ca: Type.Object({ secret: secretKey }, { additionalProperties: false }),
                  },
                  { additionalProperties: false },
                ),
              },
              { additionalProperties: false },
            ),
            { minItems: 1 },
          ),
        },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false },
  ),
]

interface Model {
  validate(): void
}

/** Throws what is wrong with `object` by the schema of its kind. */
export async function validate(object: KubernetesObject): Promise<void> {
  const { apiVersion, kind } = object
  const custom = CUSTOM.find(
    ({ properties }) => properties.apiVersion.const === apiVersion && properties.kind.const === kind,
  )
  if (custom !== undefined) {
    const [error] = Value.Errors(custom, object)
    if (error !== undefined) throw new Error(`${kind}: ${error.instancePath} ${error.message}`)
    return
  }
  const module = `kubernetes-models/${apiVersion}/${kind}`
  const models = (await import(/* @vite-ignore */ module)) as Record<string, new (data: object) => Model>
  const Kind = models[kind]
  if (Kind === undefined) throw new Error(`${apiVersion} has no ${kind}`)
  new Kind(object).validate()
}
