/** `basalt cluster token create|list|revoke`: who may use the master's API, and what for. */
import { Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { NewToken, TokenList } from '../../client/wire/cluster.ts'
import { fetchAll, pathOf } from '../../client/wire/common.ts'
import type { Call, CommandDescription, Noun } from '../command.ts'
import { TOKEN_COLUMNS } from '../views/cluster.ts'
import { parsePeriod } from './periods.ts'

export const TOKEN_NOUN: Noun = {
  words: ['cluster', 'token'],
  summary: 'make, list and revoke tokens of the API',
}

export const TOKEN_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['cluster', 'token', 'create'],
    summary: 'make a token; it is shown this once',
    args: [{ name: 'NAME', help: 'whom or what it is for; events name it' }],
    flags: [
      {
        name: 'role',
        placeholder: 'ROLE',
        choices: ['admin', 'operator', 'viewer', 'server'],
        help: 'viewer: see; operator: also change volumes and servers; admin: everything; server: join. Required',
      },
      {
        name: 'expires',
        placeholder: 'TIME',
        help: 'how long it is valid, such as 12h or 30d; for ever unless given',
      },
    ],
    service: 'master',
    run: create,
  },
  {
    words: ['cluster', 'token', 'list'],
    summary: 'list tokens; what they are is not shown',
    service: 'master',
    run: async (call) => {
      const tokens = await fetchAll(await call.connect(), '/block/tokens', {
        schema: TokenList,
        read: (page) => ({ items: page.tokens, next: page.next_cursor }),
      })
      call.printTable(TOKEN_COLUMNS, tokens, 'no tokens')
    },
  },
  {
    words: ['cluster', 'token', 'revoke'],
    summary: 'end the validity of a token now',
    args: [{ name: 'TOKEN', help: 'id or name of the token, as list shows it' }],
    service: 'master',
    run: async (call) => {
      const id = call.arg('TOKEN')
      await (await call.connect()).call('DELETE', pathOf('token', id), Type.Unknown())
      call.print({ revoked: id }, () => `revoked ${id}\n`)
    },
  },
]

async function create(call: Call): Promise<void> {
  const role = call.text('role')
  if (role === undefined) {
    throw new BlockError('INVALID_ARGUMENT', '--role is missing; it is viewer, operator, admin or server')
  }
  const expires = call.text('expires')
  const body = {
    name: call.arg('NAME'),
    role,
    ...(expires === undefined ? {} : { expires_in_seconds: parsePeriod(expires, '--expires') / 1000 }),
  }
  const made = await (await call.connect()).post('/block/token', NewToken, body)
  if (!call.isJson)
    call.stderr.write(`Token ${made.id} for '${made.name}' (${made.role}); keep it, it is not shown again:\n`)
  call.print(made, () => `${made.token}\n`)
}
