/** By what names hosts enter: servers that are not on loopback let in nobody else. */
export const initiatorName = (host: string): string => `iqn.2026-11.io.basalt.scenario:${host}`
export const hostNqn = (host: string): string => `nqn.2026-11.io.basalt.scenario:${host}`
