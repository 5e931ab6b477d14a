/** Where a server stands. Servers that do not say share one nameless zone, and in each zone one nameless rack. */
interface Place {
  readonly zone: string | null
  readonly rack: string | null
}

export const zoneOf = ({ zone }: Place): string => zone ?? ''
/** Racks of different zones may have the same name. */
export const rackOf = ({ zone, rack }: Place): string => JSON.stringify([zone, rack])
