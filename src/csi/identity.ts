/** The identity service: which plugin this is, what it offers, and whether it can work now. */
import type { PluginCapability } from '../gen/csi/v1/PluginCapability.ts'
import { CsiError } from './server/csi-error.ts'
import type { CsiServices, IdentityService } from './server/handlers.ts'

export interface IdentityOptions {
  readonly driverName: string
  readonly version: string
  /** What is served beside this service. */
  readonly served: Pick<CsiServices, 'controller' | 'groupController'>
  /** Whether what the services depend on is there. */
  readonly readiness: (signal: AbortSignal) => Promise<Readiness>
}

/** `waiting`: it comes by itself; `broken`: somebody has to mend what `reason` says. */
export type Readiness =
  | { readonly kind: 'ready' }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string }

export function identityService(options: IdentityOptions): IdentityService {
  const { driverName, version, served, readiness } = options
  return {
    GetPluginInfo: {
      handle: async () => ({ name: driverName, vendorVersion: version, manifest: {} }),
    },
    GetPluginCapabilities: { handle: async () => ({ capabilities: capabilitiesOf(served) }) },
    Probe: {
      handle: async (_, { signal, log }) => {
        const state = await readiness(signal)
        if (state.kind === 'broken') throw new CsiError('FAILED_PRECONDITION', state.reason)
        if (state.kind === 'waiting') log.warn('csi.not_ready', { reason: state.reason })
        return { ready: { value: state.kind === 'ready' } }
      },
    },
  }
}

/** Volumes are found by topology and grow while they are in use, whichever services this process has. */
function capabilitiesOf({ controller, groupController }: IdentityOptions['served']): PluginCapability[] {
  return [
    ...(controller === undefined ? [] : [{ service: { type: 'CONTROLLER_SERVICE' as const } }]),
    { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' as const } },
    ...(groupController === undefined ? [] : [{ service: { type: 'GROUP_CONTROLLER_SERVICE' as const } }]),
    { volumeExpansion: { type: 'ONLINE' as const } },
  ]
}
