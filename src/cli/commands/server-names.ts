/** Answers name servers by id; people know them by name. */

import type { ApiClient } from '../../client/http/api-client.ts'
import { fetchServers } from '../../client/wire/server.ts'
import type { Call } from '../command.ts'

/** The name of a server by its id, or what was given when no server has that id. With `--json` nobody needs names. */
export async function serverNamesFor(call: Call, api: ApiClient): Promise<(server: string) => string> {
  if (call.isJson) return (server) => server
  const names = new Map((await fetchServers(api)).map(({ id, name }) => [id, name]))
  return (server) => names.get(server) ?? server
}
