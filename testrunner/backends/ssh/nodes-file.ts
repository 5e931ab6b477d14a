/**
 * The file that names the computers of a run, as docs/scenario-hosts.md describes it. Everything that is wrong with it is told
 * at once, each with its place.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import { suggest } from '../../../src/config/suggest.ts'
import { parseYaml, type YamlDocument, type YamlValue } from '../../../src/config/yaml-document.ts'

/** A computer, or a part of one, that is a machine of the topology. */
export interface SshNode {
  /** m1…, s1…, h1… */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly user: string
  /** A private key; null: what the user's agent and settings of ssh offer. */
  readonly keyPath: string | null
  /** `SHA256:…` of its host key; null: the host keys are in `knownHostsPath`. */
  readonly fingerprint: string | null
  readonly knownHostsPath: string | null
  /** Its address for the other machines, when that is not `host`. */
  readonly dataAddress: string | null
  /** Root by `sudo -n`. */
  readonly hasSudo: boolean
  /** Folder for runs, absolute. */
  readonly directory: string
  /** Folder of the product there; null: it is copied there. */
  readonly productPath: string | null
}

type Map = Readonly<Record<string, YamlValue>>
const isMap = (value: YamlValue | undefined): value is Map =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const FILE_KEYS = ['known_hosts', 'defaults', 'nodes'] as const
const SHARED_KEYS = ['host', 'port', 'user', 'key', 'fingerprint', 'sudo', 'dir', 'product'] as const
const NODE_KEYS = ['name', ...SHARED_KEYS, 'alt_ips'] as const
const NODES_MAX = 64
const DIRECTORY = '/var/tmp/basalt-scenarios'

/** `path` names the file in errors; names of files in it are relative to its folder. INVALID_ARGUMENT with every problem. */
export function parseNodesFile(text: string, path: string): readonly SshNode[] {
  const reader = new Reader(parseYaml(text, path), path)
  const nodes = reader.nodes()
  if (reader.problems.length > 0) throw new BlockError('INVALID_ARGUMENT', reader.problems.join('\n'))
  return nodes
}

class Reader {
  readonly problems: string[] = []
  readonly #document: YamlDocument
  readonly #path: string

  constructor(document: YamlDocument, path: string) {
    this.#document = document
    this.#path = path
  }

  nodes(): readonly SshNode[] {
    const { value } = this.#document
    if (!isMap(value)) return this.#bad('', 'must be a map with `nodes`', [])
    this.#known(value, '', FILE_KEYS)
    const knownHosts = this.#text(value, '', 'known_hosts')
    const defaults = value.defaults ?? {}
    if (!isMap(defaults)) return this.#bad('/defaults', 'must be a map', [])
    this.#known(defaults, '/defaults', SHARED_KEYS)
    const { nodes } = value
    if (!Array.isArray(nodes) || nodes.length === 0)
      return this.#bad('/nodes', 'nodes: must be a list of at least one', [])
    if (nodes.length > NODES_MAX) return this.#bad('/nodes', `nodes: at most ${NODES_MAX}`, [])
    const found = (nodes as readonly YamlValue[]).map((node, index) =>
      this.#node(node, `/nodes/${index}`, { defaults, knownHosts: knownHosts ?? null }),
    )
    this.#twice(found)
    return found.filter((node) => node !== undefined)
  }

  #node(
    node: YamlValue,
    at: string,
    { defaults, knownHosts }: { readonly defaults: Map; readonly knownHosts: string | null },
  ): SshNode | undefined {
    if (!isMap(node)) return this.#bad(at, 'a node must be a map', undefined)
    this.#known(node, at, NODE_KEYS)
    const text = (key: (typeof SHARED_KEYS)[number]): string | undefined =>
      key in node ? this.#text(node, at, key) : this.#text(defaults, '/defaults', key)
    const name = this.#text(node, at, 'name')
    if (name === undefined) return this.#bad(at, 'name: is missing, e.g. s1', undefined)
    if (!/^[msh][1-9]\d{0,2}$/.test(name))
      this.#bad(`${at}/name`, 'name: must be of a machine: m1, s1, h1', 0)
    const host = text('host')
    if (host === undefined) this.#bad(at, 'host: is missing', 0)
    else if (!/^[A-Za-z0-9][A-Za-z0-9.:_-]*$/.test(host))
      this.#bad(`${at}/host`, 'host: must be a name or an address', 0)
    const user = text('user') ?? 'root'
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(user)) this.#bad(`${at}/user`, 'user: must be a name', 0)
    const key = text('key')
    const fingerprint = text('fingerprint') ?? null
    if (fingerprint !== null && !/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint))
      this.#bad(`${at}/fingerprint`, 'fingerprint: must be SHA256:…, as `ssh-keygen -lf` prints it', 0)
    if (fingerprint === null && knownHosts === null)
      this.#bad(
        at,
        'give `fingerprint`, or `known_hosts` for all: a host key that nobody knows is not trusted',
        0,
      )
    return {
      name,
      host: host ?? '',
      port: this.#port('port' in node ? node : defaults, 'port' in node ? at : '/defaults'),
      user,
      keyPath: key === undefined ? null : this.#file(key),
      fingerprint,
      knownHostsPath: fingerprint === null && knownHosts !== null ? this.#file(knownHosts) : null,
      dataAddress: this.#dataAddress(node, at),
      hasSudo: this.#truth('sudo' in node ? node : defaults, 'sudo' in node ? at : '/defaults'),
      directory: this.#folder(text('dir') ?? DIRECTORY, `${at}/dir`, 'dir'),
      productPath: this.#product(text('product'), `${at}/product`),
    }
  }

  #known(map: Map, at: string, keys: readonly string[]): void {
    for (const key of Object.keys(map).filter((one) => !keys.includes(one))) {
      const meant = suggest(key, keys)
      const hint = meant === undefined ? `there are ${keys.join(', ')}` : `did you mean ${meant}?`
      this.problems.push(`${this.#document.atKey(`${at}/${key}`)}: ${key}: unknown key; ${hint}`)
    }
  }

  #text(map: Map, at: string, key: string): string | undefined {
    const value = map[key]
    if (value === undefined) return undefined
    if (typeof value === 'string' && value !== '') return value
    return this.#bad(`${at}/${key}`, `${key}: must be text`, undefined)
  }

  #port(map: Map, at: string): number {
    const { port = 22 } = map
    if (typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536) return port
    return this.#bad(`${at}/port`, 'port: must be between 1 and 65535', 22)
  }

  #truth(map: Map, at: string): boolean {
    const { sudo = false } = map
    return typeof sudo === 'boolean' ? sudo : this.#bad(`${at}/sudo`, 'sudo: must be true or false', false)
  }

  #dataAddress(node: Map, at: string): string | null {
    const list = node.alt_ips ?? []
    const ips = Array.isArray(list) ? (list as readonly YamlValue[]) : [list]
    for (const ip of ips) {
      if (typeof ip !== 'string' || !/^[0-9a-fA-F.:]+$/.test(ip))
        return this.#bad(`${at}/alt_ips`, 'alt_ips: must be a list of addresses', null)
    }
    return (ips[0] as string | undefined) ?? null
  }

  #product(path: string | undefined, at: string): string | null {
    return path === undefined ? null : this.#folder(path, at, 'product')
  }

  /** With a name of its own in it: folders of runs are removed, and `/` is nobody's. */
  #folder(path: string, at: string, key: string): string {
    const clean = join(path)
    return isAbsolute(path) && clean !== '/'
      ? clean.replace(/\/$/, '')
      : this.#bad(at, `${key}: must be absolute`, path)
  }

  #file(path: string): string {
    const home = process.env.HOME ?? ''
    return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(dirname(this.#path), path)
  }

  #twice(nodes: readonly (SshNode | undefined)[]): void {
    const names = nodes.map((node) => node?.name)
    for (const [index, name] of names.entries())
      if (name !== undefined && names.indexOf(name) < index)
        this.#bad(`/nodes/${index}/name`, `name: ${name} is there twice`, 0)
  }

  #bad<T>(pointer: string, message: string, instead: T): T {
    this.problems.push(`${this.#document.at(pointer)}: ${message}`)
    return instead
  }
}
