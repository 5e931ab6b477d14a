/**
 * `basalt volume access`: which hosts may log in to a volume, and by which secrets. Secrets are read from files, for
 * what stands on a command line is seen by every user of the machine; they are never shown again.
 */
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseNqn } from '../../base/names.ts'
import {
  type AccessWish,
  type ChapWish,
  type DhchapWish,
  fetchVolume,
  setAccess,
} from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, VOLUME } from '../command.ts'
import { accessFacts } from '../views/volume.ts'
import { readSecret } from './secret-files.ts'

export const VOLUME_ACCESS: CommandDescription = {
  words: ['volume', 'access'],
  summary: 'show or change which hosts may use a volume',
  args: [VOLUME],
  flags: [
    {
      name: 'initiator',
      placeholder: 'IQN',
      isList: true,
      help: 'let this host in, and no other; may be repeated',
    },
    { name: 'no-initiators', placeholder: undefined, help: 'let nobody in' },
    {
      name: 'any-initiator',
      placeholder: undefined,
      help: "let in whom the servers' own configuration admits",
    },
    { name: 'chap-user', placeholder: 'NAME', help: 'hosts prove who they are by this name and a secret' },
    { name: 'chap-secret-file', placeholder: 'FILE', help: 'the secret, 12 to 16 characters on one line' },
    { name: 'mutual-user', placeholder: 'NAME', help: 'the target proves itself to hosts, too' },
    { name: 'mutual-secret-file', placeholder: 'FILE', help: 'its secret, another one' },
    { name: 'no-chap', placeholder: undefined, help: 'let hosts in without a secret' },
    {
      name: 'host',
      placeholder: 'NQN',
      isList: true,
      help: 'let this NVMe host in, and no other; may be repeated',
    },
    { name: 'no-hosts', placeholder: undefined, help: 'let no NVMe host in' },
    { name: 'any-host', placeholder: undefined, help: "let in whom the servers' own configuration admits" },
    {
      name: 'dhchap-secret-file',
      placeholder: 'NQN=FILE',
      isList: true,
      help: 'this NVMe host proves who it is by the DHHC-1 secret in the file; may be repeated',
    },
    {
      name: 'dhchap-controller-secret-file',
      placeholder: 'NQN=FILE',
      isList: true,
      help: 'the controller proves itself to that host, too, by another one',
    },
    { name: 'no-dhchap', placeholder: undefined, help: 'let NVMe hosts in without a secret' },
  ],
  service: 'master',
  run: access,
}

async function access(call: Call): Promise<void> {
  const initiators = readInitiators(call)
  const chap = await readChap(call)
  const hosts = readHosts(call)
  const dhchap = await readDhchap(call)
  const api = await call.connect()
  const { name, access: before } = await fetchVolume(api, call.arg('VOLUME'))
  if ([initiators, chap, hosts, dhchap].every((one) => one === undefined)) {
    call.printFacts(before, () => accessFacts(before))
    return
  }
  // The API replaces the whole, and nobody can read back a secret to send it along.
  if (chap === undefined && before.chap !== null) {
    throw usage(
      `CHAP is on for '${name}', and its secret is not kept where it can be read: ` +
        'give it again with --chap-user and --chap-secret-file, or turn CHAP off with --no-chap',
    )
  }
  if (dhchap === undefined && before.dhchap.length > 0) {
    throw usage(
      `DH-HMAC-CHAP is on for '${name}', and its secrets are not kept where they can be read: ` +
        'give them again with --dhchap-secret-file, or turn it off with --no-dhchap',
    )
  }
  const wish: AccessWish = {
    initiators: initiators === undefined ? before.initiators : initiators,
    chap: chap ?? null,
    hosts: hosts === undefined ? before.hosts : hosts,
    dhchap: dhchap ?? [],
  }
  const { access: after } = await setAccess(api, name, wish)
  call.printFacts(after, () => accessFacts(after))
}

/** Null: whom the servers' configuration admits. Undefined: as before. */
function readHosts(call: Call): AccessWish['hosts'] | undefined {
  const named = call.list('host')
  const ways = [named !== undefined, call.isSet('no-hosts'), call.isSet('any-host')]
  if (ways.filter(Boolean).length > 1) {
    throw usage('--host, --no-hosts and --any-host exclude each other; give one of them')
  }
  if (call.isSet('any-host')) return null
  if (call.isSet('no-hosts')) return []
  return named?.map((nqn) => parseNqn(nqn, '--host'))
}

/** Empty: off. Undefined: nothing was said of it. */
async function readDhchap(call: Call): Promise<readonly DhchapWish[] | undefined> {
  const secrets = call.list('dhchap-secret-file')
  const controllers = call.list('dhchap-controller-secret-file')
  if (call.isSet('no-dhchap')) {
    if (secrets ?? controllers) throw usage('--no-dhchap goes with no other flag of DH-HMAC-CHAP')
    return []
  }
  if (secrets === undefined) {
    if (controllers !== undefined) {
      throw usage('--dhchap-controller-secret-file needs --dhchap-secret-file, too')
    }
    return undefined
  }
  const controllerOf = new Map<string, string>()
  for (const text of controllers ?? []) {
    const { nqn, path } = hostAndFile(text, '--dhchap-controller-secret-file')
    controllerOf.set(nqn, await readSecret(path, '--dhchap-controller-secret-file'))
  }
  const wishes: DhchapWish[] = []
  for (const text of secrets) {
    const { nqn, path } = hostAndFile(text, '--dhchap-secret-file')
    const secret = await readSecret(path, '--dhchap-secret-file')
    wishes.push({ host: nqn, secret, controller_secret: controllerOf.get(nqn) ?? null })
    controllerOf.delete(nqn)
  }
  const [alone] = controllerOf.keys()
  if (alone !== undefined) throw usage(`${alone} has a controller secret and no --dhchap-secret-file`)
  return wishes
}

function hostAndFile(text: string, flag: string): { readonly nqn: string; readonly path: string } {
  const at = text.indexOf('=')
  if (at < 0) throw usage(`${flag}: write NQN=FILE`)
  return { nqn: parseNqn(text.slice(0, at), flag), path: text.slice(at + 1) }
}

/** Null: whom the servers' configuration admits. Undefined: as before. */
function readInitiators(call: Call): AccessWish['initiators'] | undefined {
  const named = call.list('initiator')
  const ways = [named !== undefined, call.isSet('no-initiators'), call.isSet('any-initiator')]
  if (ways.filter(Boolean).length > 1) {
    throw usage('--initiator, --no-initiators and --any-initiator exclude each other; give one of them')
  }
  if (call.isSet('any-initiator')) return null
  if (call.isSet('no-initiators')) return []
  return named?.map((name) => parseIscsiName(name, '--initiator'))
}

/** Null: off. Undefined: nothing was said of it. */
async function readChap(call: Call): Promise<ChapWish | null | undefined> {
  const user = call.text('chap-user')
  const secretFile = call.text('chap-secret-file')
  const mutualUser = call.text('mutual-user')
  const mutualFile = call.text('mutual-secret-file')
  if (call.isSet('no-chap')) {
    if (user ?? secretFile ?? mutualUser ?? mutualFile)
      throw usage('--no-chap goes with no other flag of CHAP')
    return null
  }
  if ((user === undefined) !== (secretFile === undefined)) {
    throw usage('--chap-user and --chap-secret-file go together; one is missing')
  }
  if ((mutualUser === undefined) !== (mutualFile === undefined)) {
    throw usage('--mutual-user and --mutual-secret-file go together; one is missing')
  }
  if (user === undefined || secretFile === undefined) {
    if (mutualUser !== undefined) throw usage('mutual CHAP needs --chap-user and --chap-secret-file, too')
    return undefined
  }
  const secret = await readSecret(secretFile, '--chap-secret-file')
  if (mutualUser === undefined || mutualFile === undefined) return { user, secret, mutual: null }
  const mutual = { user: mutualUser, secret: await readSecret(mutualFile, '--mutual-secret-file') }
  return { user, secret, mutual }
}

const usage = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
