/** Servers, as the master's API shows them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, fetchAll, Nullable, pathOf } from './common.ts'

export const Server = Type.Object({
  id: Type.String(),
  name: Type.String(),
  connection: Type.String(),
  silent_ms: Nullable(Type.Number()),
  state: Type.String(),
  cordoned: Type.Boolean(),
  zone: Nullable(Type.String()),
  rack: Nullable(Type.String()),
  disk_type: Type.String(),
  capacity_bytes: Count,
  free_bytes: Nullable(Count),
  allocated_bytes: Count,
  volume_count: Count,
  primary_count: Count,
  addresses: Type.Object({
    grpc: Type.String(),
    replication: Type.String(),
    http: Type.String(),
    iscsi: Type.Array(Type.String()),
  }),
  joined_at: Type.String(),
})
export type Server = Static<typeof Server>

const ServerPage = Type.Object({ servers: Type.Array(Server), next_cursor: Nullable(Type.String()) })

export const serverPath = (name: string, ...more: readonly string[]): string =>
  pathOf('server', name, ...more)

export const fetchServers = (api: ApiClient): Promise<Server[]> =>
  fetchAll(api, '/block/servers', {
    schema: ServerPage,
    read: (page) => ({ items: page.servers, next: page.next_cursor }),
  })

export const fetchServer = (api: ApiClient, name: string): Promise<Server> =>
  api.get(serverPath(name), Server)
