/** Objects as YAML documents, the same text for the same objects. */
import { stringify } from 'yaml'
import type { KubernetesObject } from './names.ts'

/** One document, ending with a line break. Lists and maps that are empty are left out where Kubernetes takes that for the same. */
export const documentOf = (object: KubernetesObject): string =>
  stringify(withoutEmpty(object), { lineWidth: 0, aliasDuplicateObjects: false })

/** Documents with separators between them, below a comment that says where they come from. */
export const fileOf = (objects: readonly KubernetesObject[]): string =>
  `# Made by 'npm run deploy:manifests' from deploy/src; what is changed here is lost.\n${objects.map((object) => `---\n${documentOf(object)}`).join('')}`

/** Of pods and classes: an empty list or map says nothing there, and hides what is said. */
const OMITTED_WHEN_EMPTY = new Set(['imagePullSecrets', 'nodeSelector', 'tolerations'])

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(
    ([key, inner]) =>
      !(
        OMITTED_WHEN_EMPTY.has(key) &&
        inner !== null &&
        typeof inner === 'object' &&
        Object.keys(inner).length === 0
      ),
  )
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutEmpty(inner)]))
}
