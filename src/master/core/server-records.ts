/** The record of a server, from what its hello says; what an operator set of it stays. */
import { BlockError } from '../../base/errors.ts'
import type { ServerHello } from '../links.ts'
import type { ServerRecord } from '../records.ts'
import type { Change, NewEvent, RecordsView } from './records-view.ts'

/** Decides in the registry's turn. CONFLICT with `facts.reason` `name_taken` when another server has the name. */
export function recordHello(
  records: RecordsView,
  hello: ServerHello,
  at: { readonly wallMs: number; readonly capacityBytes: number | null },
): Change<{ readonly hasMoved: boolean }> {
  const known = records.server(hello.id)
  const other = records.servers().find(({ name, id }) => name === hello.name && id !== hello.id)
  if (other !== undefined) {
    throw new BlockError(
      'CONFLICT',
      `another server is called ${hello.name} (${other.id}); give this one another name, or remove that one`,
      { facts: { reason: 'name_taken', name: hello.name, other: other.id } },
    )
  }
  const { id, name, addresses, zone, rack, diskType } = hello
  const record: ServerRecord = {
    id,
    name,
    addresses,
    zone,
    rack,
    diskType,
    capacityBytes: at.capacityBytes ?? known?.capacityBytes ?? 0,
    isCordoned: known?.isCordoned ?? false,
    // it came back
    state: known === undefined || known.state === 'left' ? 'active' : known.state,
    joinedAt: known?.joinedAt ?? at.wallMs,
  }
  const hasMoved = known?.addresses.replication !== addresses.replication
  if (known !== undefined && isSame(known, record)) return { writes: [], result: { hasMoved: false } }
  const events: NewEvent[] = []
  if (known === undefined) {
    const message = `server ${name} joined the cluster`
    events.push({ severity: 'info', kind: 'server.joined', actor: 'master', server: id, message })
  }
  return { writes: [{ kind: 'server', record }], events, result: { hasMoved } }
}

const isSame = (a: ServerRecord, b: ServerRecord): boolean => stable(a) === stable(b)

const stable = ({
  id,
  name,
  addresses,
  zone,
  rack,
  diskType,
  capacityBytes,
  isCordoned,
  state,
}: ServerRecord): string =>
  JSON.stringify([
    [id, name, zone, rack, diskType, capacityBytes, isCordoned, state],
    [addresses.grpc, addresses.replication, addresses.http, addresses.iscsi],
  ])
