/** Round numbers for the axes of plots. */

const LEAST = 1e-100

/** Steps of 1, 2 or 5 times a power of ten that cover `[min, max]`, about `count` of them; at least two, ascending. */
export function ticks(min: number, max: number, count: number): readonly number[] {
  // what floating point cannot tell apart is one value
  const isFlat = max - min <= Math.max(Math.abs(max) * 1e-9, LEAST)
  const span = !isFlat ? max - min : Math.abs(max) > LEAST ? Math.abs(max) : 1
  const raw = span / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= raw * 0.999) ?? 10)
  const first = Math.floor(min / step)
  const last = Math.max(first + 1, Math.ceil((isFlat ? min + span : max) / step))
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)))
}

/** `1.5k`, `20M`, `0.25`: short enough for an axis. */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  for (const [least, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const)
    if (size >= least) return `${Number((value / (unit === 'k' ? 1e3 : least)).toPrecision(3))}${unit}`
  return `${Number(value.toPrecision(3))}`
}
