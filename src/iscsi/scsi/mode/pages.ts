/**
 * The mode pages of this device server (SPC-4 and SBC-3, Mode parameters): their default values and which bits
 * MODE SELECT may change. One list: MODE SENSE, MODE SELECT and the documentation read it.
 *
 * WCE is one and stays so: a host that turned the write cache off would stop flushing, and would not learn that
 * the next server of the volume has it on again. Nothing is saved; a reset or a failover brings the defaults.
 */
export interface ModePage {
  readonly name: string
  readonly code: number
  /** 0 for a page in page_0 format, which has no subpage field. */
  readonly subpage: number
  /** The whole page with its header, as MODE SENSE gives it after power on. */
  readonly defaults: Uint8Array
  /** Ones at the bits that may be changed, as long as `defaults`. */
  readonly changeable: Uint8Array
}

/** A page in page_0 format of 2 + `lengthBytes` bytes: `values` and `changeable` by byte number. */
function page0(
  name: string,
  code: number,
  lengthBytes: number,
  values: Readonly<Record<number, number>>,
  changeable: Readonly<Record<number, number>> = {},
): ModePage {
  return {
    name,
    code,
    subpage: 0,
    ...fill(2 + lengthBytes, { ...values, 0: code, 1: lengthBytes }, changeable),
  }
}

function fill(
  lengthBytes: number,
  values: Readonly<Record<number, number>>,
  changeable: Readonly<Record<number, number>>,
): Pick<ModePage, 'defaults' | 'changeable'> {
  const at = (source: Readonly<Record<number, number>>): Uint8Array =>
    Uint8Array.from({ length: lengthBytes }, (_, i) => source[i] ?? 0)
  return { defaults: at(values), changeable: at(changeable) }
}

/** Byte and bits of the fields that the device server itself obeys. */
export const CONTROL_FIELDS = {
  dSense: { byte: 2, mask: 0x04 },
  swp: { byte: 4, mask: 0x08 },
} as const

export const CONTROL_PAGE = page0(
  'Control',
  0x0a,
  0x0a,
  {
    2: 0x02, // GLTSD: no log parameters are saved implicitly
    3: 0x10, // QUEUE ALGORITHM MODIFIER 1h: commands may be reordered freely
  },
  {
    [CONTROL_FIELDS.dSense.byte]: CONTROL_FIELDS.dSense.mask,
    [CONTROL_FIELDS.swp.byte]: CONTROL_FIELDS.swp.mask,
  },
)

const CONTROL_EXTENSION_PAGE: ModePage = {
  name: 'Control Extension',
  code: 0x0a,
  subpage: 0x01,
  ...fill(32, { 0: 0x4a, 1: 0x01, 3: 28, 4: 0x01 /* IALUAE: implicit ALUA */ }, {}),
}

/** In ascending order of page and subpage, as MODE SENSE returns them. */
export const MODE_PAGES: readonly ModePage[] = [
  // AWRE, ARRE: what fails its checksum is repaired from a peer where there is one
  page0('Read-Write Error Recovery', 0x01, 0x0a, { 2: 0xc0 }),
  page0('Caching', 0x08, 0x12, { 2: 0x04 /* WCE */ }),
  CONTROL_PAGE,
  CONTROL_EXTENSION_PAGE,
  // DEXCPT: no informational exceptions are reported
  page0('Informational Exceptions Control', 0x1c, 0x0a, { 2: 0x08 }),
]
