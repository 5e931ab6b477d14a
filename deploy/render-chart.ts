/**
 * Renders the templates of our chart as helm does, as far as they go: `toJson`, `printf … | toJson`, `if` with one value or
 * `and`, `range` over a list, `end`. Anything else is an error. For tests: no helm is needed to see that templates and the
 * function of the manifests say the same.
 */
import { parseAllDocuments } from 'yaml'

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly expression: string }
  | { readonly kind: 'if'; readonly paths: readonly string[]; readonly body: readonly Node[] }
  | { readonly kind: 'range'; readonly path: string; readonly body: readonly Node[] }

/** What `$` is, and what `.` is. */
interface Scope {
  readonly root: unknown
  readonly dot: unknown
}

/** The objects that `template` renders to with `values` in the namespace of the release. */
export function renderTemplate(template: string, values: unknown, namespace: string): unknown[] {
  return parseAllDocuments(renderText(template, values, namespace)).flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    const value: unknown = document.toJS()
    return value === null ? [] : [value]
  })
}

/** The same as text. */
export function renderText(template: string, values: unknown, namespace: string): string {
  const root = { Values: values, Release: { Namespace: namespace } }
  return renderNodes(parseTemplate(template), { root, dot: root })
}

function parseTemplate(template: string): Node[] {
  // `{{-` takes the white space before it away
  const tokens = template.split(/(\s*\{\{-[^}]*\}\}|\{\{[^-][^}]*\}\})/).filter((token) => token !== '')
  const root: Node[] = []
  const open: Node[][] = [root]
  const add = (node: Node): void => void open.at(-1)?.push(node)
  for (const token of tokens) {
    const action = /^\s*\{\{-? (.*?) \}\}$/.exec(token)?.[1]
    if (action === undefined) {
      if (token.includes('{{')) throw new Error(`template: cannot read ${JSON.stringify(token)}`)
      add({ kind: 'text', text: token })
      continue
    }
    const [, verb, rest = ''] = /^(\S+) ?(.*)$/.exec(action) ?? []
    if (verb === 'end') {
      if (open.length === 1) throw new Error('template: end of nothing')
      open.pop()
    } else if (verb === 'if' || verb === 'range') {
      const body: Node[] = []
      const paths = rest.replace(/^and /, '').split(' ')
      add(verb === 'if' ? { kind: 'if', paths, body } : { kind: 'range', path: rest, body })
      open.push(body)
    } else add({ kind: 'value', expression: action })
  }
  if (open.length !== 1) throw new Error('template: an end is missing')
  return root
}

const renderNodes = (nodes: readonly Node[], scope: Scope): string =>
  nodes.map((node) => renderNode(node, scope)).join('')

function renderNode(node: Node, scope: Scope): string {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'value':
      return evaluate(node.expression, scope)
    case 'if':
      return node.paths.every((path) => lookUp(path, scope) === true) ? renderNodes(node.body, scope) : ''
    case 'range': {
      const list = lookUp(node.path, scope)
      if (!Array.isArray(list)) throw new Error(`template: ${node.path} is no list`)
      return list.map((dot) => renderNodes(node.body, { ...scope, dot })).join('')
    }
  }
}

function evaluate(expression: string, scope: Scope): string {
  const whole = /^toJson (\S+)$/.exec(expression)?.[1]
  if (whole !== undefined) return JSON.stringify(lookUp(whole, scope))
  const [, format, paths] = /^printf ("(?:[^"\\]|\\.)*") (.+) \| toJson$/.exec(expression) ?? []
  if (format === undefined || paths === undefined) throw new Error(`template: cannot evaluate ${expression}`)
  const values = paths.split(' ').map((path) => lookUp(path, scope))
  const text = (JSON.parse(format) as string).replace(/%(.)/g, (_, verb) => {
    if (verb === '%') return '%'
    const value = values.shift()
    if (verb !== 's' || typeof value !== 'string') throw new Error(`template: %${verb} in ${expression}`)
    return value
  })
  if (values.length > 0) throw new Error(`template: too many values in ${expression}`)
  return JSON.stringify(text)
}

function lookUp(path: string, { root, dot }: Scope): unknown {
  const [start = '', ...keys] = path.split('.')
  let value = start === '$' ? root : start === '' ? dot : undefined
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !(key in value)) {
      throw new Error(`template: there is no ${path}`)
    }
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
