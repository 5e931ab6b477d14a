/** Golden bytes as people write them down: hex pairs, `00*36` for a run, `#` begins a remark. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const out: number[] = []
  for (const line of text.split('\n')) {
    for (const token of (line.split('#')[0] ?? '').trim().split(/\s+/)) {
      if (token === '') continue
      const run = /^([0-9a-f]{2})\*(\d+)$/.exec(token)
      const pairs = run === null ? (token.match(/../g) ?? []) : Array<string>(Number(run[2])).fill(run[1]!)
      for (const pair of pairs) out.push(Number.parseInt(pair, 16))
    }
  }
  return Uint8Array.from(out)
}

/** `bytes` with one of them changed. */
export function flipped(bytes: Uint8Array, at: number, mask = 0xff): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes)
  copy[at]! ^= mask
  return copy
}
