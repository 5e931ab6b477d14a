/** Placement's answers to what jobs ask, with the settings of this master. */
import { placeOneMore } from '../placement/place.ts'
import { placementServers } from '../placement/servers.ts'
import type { PlacementSettings } from '../placement/settings.ts'
import type { Planner } from './ports.ts'

export const placementPlanner = (settings: PlacementSettings): Pick<Planner, 'another'> => ({
  another(records, live, volume, leaving, except) {
    const servers = placementServers(records, live).filter(({ id }) => !except.includes(id))
    const holding = volume.replicas.map(({ server }) => server)
    const going = volume.replicas.filter(({ state }) => state === 'leaving').map(({ server }) => server)
    const { server, errors } = placeOneMore(
      volume,
      servers,
      { holding, leaving: leaving === null ? going : [...going, leaving] },
      settings,
    )
    if (server !== null) return { kind: 'server', server }
    return { kind: 'none', why: errors[0]?.message ?? 'no server can take one more replica' }
  },
})
