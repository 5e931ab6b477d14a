/**
 * Shell scripts that make packets of one machine late or lost, by netem. What leaves by the interface goes through a band of
 * its own when it is for a peer; what comes from a peer is sent through a device of kind ifb, which has a queue to delay in.
 */
import { isIPv6 } from 'node:net'
import type { Impairment } from './backend.ts'

/** A name that fits an interface's 15 characters. */
const IFB = 'basalt-ifb'

/** Sets `dev` to the interface that has the address. */
const deviceOf = (address: string): string =>
  `dev=$(ip -o addr show to ${address} | awk '{print $2; exit}'); [ -n "$dev" ] || { echo 'no interface has ${address}' >&2; exit 1; }`

/** `address`: of the machine. `peers`: only packets to and from these. Replaces what was there before. */
export function harmScript(address: string, peers: readonly string[], impairment: Impairment): string {
  const netem = netemOptions(impairment)
  const match = (device: string, parent: string, side: 'src' | 'dst', flow: string): readonly string[] =>
    peers.map((peer) => {
      const [protocol, field] = isIPv6(peer) ? ['ipv6', 'ip6'] : ['ip', 'ip']
      const bits = isIPv6(peer) ? 128 : 32
      return `tc filter add dev ${device} parent ${parent} protocol ${protocol} u32 match ${field} ${side} ${peer}/${bits} ${flow}`
    })
  return [
    'set -e',
    deviceOf(address),
    healScript(address),
    `modprobe -q ifb numifbs=0 || true`,
    `tc qdisc add dev "$dev" root handle 1: prio bands 4 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0`,
    `tc qdisc add dev "$dev" parent 1:4 handle 40: netem ${netem}`,
    ...match('"$dev"', '1:', 'dst', 'flowid 1:4'),
    `ip link add ${IFB} type ifb`,
    `ip link set ${IFB} up`,
    `tc qdisc add dev ${IFB} root netem ${netem}`,
    `tc qdisc add dev "$dev" handle ffff: ingress`,
    ...match('"$dev"', 'ffff:', 'src', `action mirred egress redirect dev ${IFB}`),
  ].join('\n')
}

/** Undoes it, whatever of it is there. */
export const healScript = (address: string): string =>
  [
    `dev=$(ip -o addr show to ${address} | awk '{print $2; exit}')`,
    `tc qdisc del dev "$dev" root 2>/dev/null || true`,
    `tc qdisc del dev "$dev" ingress 2>/dev/null || true`,
    `ip link del ${IFB} 2>/dev/null || true`,
  ].join('; ')

/** For both ways at once. */
export function netemOptions({ delayMs, jitterMs, lossPercent, bytesPerSecond }: Impairment): string {
  const late = delayMs > 0 || jitterMs > 0 ? [`delay ${delayMs}ms ${jitterMs}ms`] : []
  const lost = lossPercent > 0 ? [`loss ${lossPercent}%`] : []
  const slow = bytesPerSecond === null ? [] : [`rate ${8 * bytesPerSecond}bit`]
  return [...late, ...lost, ...slow, 'limit 20000'].join(' ')
}
