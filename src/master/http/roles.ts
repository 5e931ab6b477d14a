/**
 * Who may call what: for each route the least role. A route that is not here is served to nobody (public ones, which
 * tell nothing of the cluster, say so themselves).
 *
 *   viewer    reads
 *   operator  runs volumes and servers
 *   admin     gives out tokens, and does what no other step takes back
 */
import type { Role } from '../records.ts'

export const ROUTE_ROLES: Readonly<Record<string, Role>> = {
  'GET /block/volumes': 'viewer',
  'POST /block/volume': 'operator',
  'POST /block/volume/resolve': 'viewer',
  'POST /block/volume/plan': 'viewer',
  'GET /block/volume/:name': 'viewer',
  'DELETE /block/volume/:name': 'operator',
  'POST /block/volume/:name/expand': 'operator',
  'GET /block/volume/:name/preflight': 'viewer',
  'POST /block/volume/:name/promote': 'operator',
  'POST /block/volume/:name/move': 'operator',
  'GET /block/volume/:name/attach-info': 'viewer',
  'GET /block/volume/:name/access': 'viewer',
  'PUT /block/volume/:name/access': 'operator',
  'PUT /block/volume/:name/qos': 'operator',

  'GET /block/servers': 'viewer',
  'GET /block/server/:name': 'viewer',
  'POST /block/server/:name/cordon': 'operator',
  'POST /block/server/:name/uncordon': 'operator',
  'POST /block/server/:name/drain': 'operator',
  'DELETE /block/server/:name': 'admin',

  'GET /block/status': 'viewer',
  'POST /block/rebalance': 'operator',
  'POST /block/recover': 'admin',

  'GET /block/jobs': 'viewer',
  'GET /block/job/:id': 'viewer',
  'POST /block/job/:id/cancel': 'operator',

  'GET /block/events': 'viewer',
  'GET /block/events/stream': 'viewer',

  'GET /block/tokens': 'admin',
  'POST /block/token': 'admin',
  'DELETE /block/token/:id': 'admin',

  'GET /metrics': 'viewer',
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

export const mayAct = (role: Role, least: Role): boolean => RANK[role] >= RANK[least]
