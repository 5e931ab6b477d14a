/** Where each known bug is looked for: by a directed scenario, or among seeds of one configuration and with some faults. */
interface Hunt {
  /** Of scenarios/catalogue.ts; tried first. */
  readonly scenario?: string
  /** First seed, and how far it is to the next: 8 keeps the configuration. */
  readonly from?: number
  readonly stride?: number
  readonly faults?: string
}

export const HUNTS: Readonly<Record<string, Hunt>> = {}
