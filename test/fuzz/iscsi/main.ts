/** `npm run fuzz:iscsi`: hostile initiators against the iSCSI target; flags and counts are those of `../support/runner.ts`. */
import { fuzzMain } from '../support/runner.ts'
import { InProcessFuzz } from './in-process.ts'
import { TcpFuzz } from './tcp.ts'

await fuzzMain<TcpFuzz>({
  inProcess: (seed) => InProcessFuzz.start(seed),
  overTcp: (seed) => TcpFuzz.start(seed),
  floods: {
    '1000 logins of one port': (fuzz) => fuzz.loginFlood(1000),
    '1000 discoveries': (fuzz) => fuzz.discoveryFlood(1000),
  },
})
