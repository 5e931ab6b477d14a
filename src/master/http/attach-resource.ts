/** How a host comes to use a volume, as the API tells it. */
import { type Static, Type } from 'typebox'
import { firstPortOf, portGroupOf } from '../../frontend/paths.ts'
import type { AttachPortal, AttachInfo as Info } from '../master-api.ts'
import { Count, nullable, Text } from './schemas.ts'

const Portal = Type.Object({
  address: Text,
  server: Text,
  server_name: Text,
  role: Type.Enum(['active', 'standby', 'transitioning', 'unavailable']),
  slot: Count,
})

export const AttachInfo = Type.Object({
  id: Text,
  name: Text,
  size_bytes: Count,
  multipath: Type.Boolean(),
  serving: Type.Boolean(),
  iscsi: nullable(
    Type.Object({
      iqn: Text,
      lun: Count,
      chap: Type.Boolean(),
      portals: Type.Array(
        Type.Object({
          ...Portal.properties,
          first_port: nullable(
            Type.Integer({
              description: 'Relative target port of the first portal of its server; with multipath',
            }),
          ),
          port_group: nullable(Type.Integer({ description: 'Target port group (ALUA); with multipath' })),
        }),
      ),
    }),
  ),
  nvme: nullable(
    Type.Object({ nqn: Text, nsid: Count, dhchap: Type.Boolean(), portals: Type.Array(Portal) }),
  ),
  sections: Type.Array(
    Type.Object({
      protocol: Type.Enum(['iscsi', 'nvme']),
      title: Text,
      file: nullable(
        Type.String({ description: 'Where the lines stand; null: commands for root of the host' }),
      ),
      lines: Type.Array(Text),
    }),
  ),
  warnings: Type.Array(Type.Object({ code: Text, message: Text })),
})

const portalResource = ({ address, path }: AttachPortal): Static<typeof Portal> => ({
  address,
  server: path.server,
  server_name: path.serverName,
  role: path.role,
  slot: path.slot,
})

export function attachResource({ view, iscsi, nvme, sections, warnings }: Info): Static<typeof AttachInfo> {
  const { record, isServing } = view
  return {
    id: record.uuid,
    name: record.name,
    size_bytes: record.sizeBytes,
    multipath: record.isMultipath,
    serving: isServing,
    iscsi: iscsi && {
      iqn: iscsi.iqn,
      lun: 0,
      chap: iscsi.hasChap,
      portals: iscsi.portals.map((portal) => ({
        ...portalResource(portal),
        first_port: record.isMultipath ? firstPortOf(portal.path.slot) : null,
        port_group: record.isMultipath ? portGroupOf(portal.path.slot) : null,
      })),
    },
    nvme: nvme && {
      nqn: nvme.nqn,
      nsid: 1,
      dhchap: nvme.hasDhchap,
      portals: nvme.portals.map(portalResource),
    },
    sections: sections.map(({ lines, ...same }) => ({ ...same, lines: [...lines] })),
    warnings: warnings.map(({ code, message }) => ({ code, message })),
  }
}
