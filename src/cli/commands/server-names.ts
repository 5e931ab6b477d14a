/** Answers name servers by id; people know them by name. */
import type { Call } from '../command.ts'
import type { ApiClient } from '../http/api-client.ts'
import { fetchServers } from '../wire/server.ts'

/** The name of a server by its id, or what was given when no server has that id. With `--json` nobody needs names. */
export async function serverNamesFor(call: Call, api: ApiClient): Promise<(server: string) => string> {
  if (call.isJson) return (server) => server
  const names = new Map((await fetchServers(api)).map(({ id, name }) => [id, name]))
  return (server) => names.get(server) ?? server
}
