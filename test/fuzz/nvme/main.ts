/** `npm run fuzz:nvme`: hostile hosts against the NVMe/TCP target; flags and counts are those of `../support/runner.ts`. */
import { fuzzMain } from '../support/runner.ts'
import { InProcessFuzz } from './in-process.ts'
import { TcpFuzz } from './tcp.ts'

await fuzzMain<TcpFuzz>({
  inProcess: (seed) => InProcessFuzz.start(seed),
  overTcp: (seed) => TcpFuzz.start(seed),
  floods: {},
})
