/** How each service that the CLI talks to is found and entered: its flags, their variables, and what it is called. */

import { ApiClient } from '../client/http/api-client.ts'
import type { Environment, FlagDescription, FlagValues } from './command.ts'

type Service = 'master' | 'target'

const OUTPUT_FLAGS: readonly FlagDescription[] = [
  { name: 'json', placeholder: undefined, help: 'print JSON, for programs' },
  { name: 'log-level', placeholder: 'LEVEL', help: "'debug' prints the stack of an error" },
]

const MASTER_FLAGS: readonly FlagDescription[] = [
  {
    name: 'master',
    placeholder: 'URL',
    help: "the master's HTTP API",
    default: 'http://127.0.0.1:7470',
    variable: 'BASALT_MASTER',
  },
  {
    name: 'token-file',
    placeholder: 'FILE',
    help: 'file with your token; BASALT_TOKEN holds the token itself',
    variable: 'BASALT_TOKEN_FILE',
  },
  {
    name: 'ca',
    placeholder: 'FILE',
    help: 'certificate that signed the one of the master (PEM), for https',
    variable: 'BASALT_CA',
  },
  ...OUTPUT_FLAGS,
]

const TARGET_FLAGS: readonly FlagDescription[] = [
  {
    name: 'admin',
    placeholder: 'URL',
    help: 'admin API of the target',
    default: 'http://127.0.0.1:7462',
    variable: 'BASALT_ADMIN',
  },
  {
    name: 'admin-token-file',
    placeholder: 'FILE',
    help: 'file with the token that the target asks for',
    variable: 'BASALT_ADMIN_TOKEN_FILE',
  },
  ...OUTPUT_FLAGS,
]

/** The flags that every command of `service` takes beside its own. */
export const flagsOf = (service: Service): readonly FlagDescription[] =>
  service === 'master' ? MASTER_FLAGS : TARGET_FLAGS

/** A client of `service` by a command's flags and the environment. INVALID_ARGUMENT, NOT_FOUND for what they name. */
export function connectTo(
  service: Service,
  flags: FlagValues,
  environment: Environment,
  timeoutMs?: number,
): Promise<ApiClient> {
  const text = (name: string, variable: string): string | undefined => {
    const given = flags[name]
    return typeof given === 'string' ? given : environment[variable] || undefined
  }
  if (service === 'target') {
    return ApiClient.open({
      address: text('admin', 'BASALT_ADMIN') ?? 'http://127.0.0.1:7462',
      tokenFile: text('admin-token-file', 'BASALT_ADMIN_TOKEN_FILE'),
      names: {
        service: 'basalt',
        addressFlag: '--admin',
        tokenFlag: '--admin-token',
        otherService:
          "no 'basalt target' answers there, but perhaps a block server of a cluster: ask its master ('basalt volume list'), or give a target's address with --admin",
      },
      timeoutMs,
    })
  }
  return ApiClient.open({
    address: text('master', 'BASALT_MASTER') ?? 'http://127.0.0.1:7470',
    tokenFile: text('token-file', 'BASALT_TOKEN_FILE'),
    token: environment.BASALT_TOKEN?.trim() || undefined,
    caFile: text('ca', 'BASALT_CA'),
    names: { service: 'the master', addressFlag: '--master', tokenFlag: '--token' },
    timeoutMs,
  })
}
