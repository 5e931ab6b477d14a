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
  'PUT /block/volume/:name/policy': 'operator',
  'PUT /block/volume/:name/publications/:node': 'operator',
  'DELETE /block/volume/:name/publications/:node': 'operator',

  'GET /block/snapshots': 'viewer',
  'GET /block/volume/:name/snapshots': 'viewer',
  'POST /block/volume/:name/snapshots': 'operator',
  'GET /block/volume/:name/snapshots/:snapshot': 'viewer',
  'DELETE /block/volume/:name/snapshots/:snapshot': 'operator',
  'POST /block/volume/:name/snapshots/:snapshot/restore': 'operator',
  'POST /block/volume/:name/snapshots/:snapshot/clone': 'operator',
  'POST /block/volume/:name/snapshots/:snapshot/expose': 'operator',
  'POST /block/snapshot-groups': 'operator',
  'POST /block/volume/:name/scrub': 'operator',

  'GET /block/schedules': 'viewer',
  'POST /block/schedules': 'operator',
  'GET /block/schedules/:name': 'viewer',
  'PUT /block/schedules/:name': 'operator',
  'DELETE /block/schedules/:name': 'operator',

  'GET /block/repositories': 'viewer',
  'POST /block/repositories': 'admin',
  'GET /block/repositories/:name': 'viewer',
  'PUT /block/repositories/:name': 'admin',
  'DELETE /block/repositories/:name': 'admin',
  'POST /block/repositories/:name/check': 'operator',
  'POST /block/volume/:name/backups': 'operator',
  'GET /block/repositories/:name/backups': 'viewer',
  'GET /block/repositories/:name/backups/:id': 'viewer',
  'POST /block/repositories/:name/backups/:id/restore': 'operator',
  'POST /block/repositories/:name/backups/:id/verify': 'operator',
  'DELETE /block/repositories/:name/backups/:id': 'admin',
  'POST /block/repositories/:name/prune': 'admin',

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
