/** The real world behind the ports, made once for the process. */
import { BufferPool } from '../base/buffer-pool.ts'
import type { Net } from '../base/ports/net.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import { BusyPoll } from '../io/busy-poll.ts'
import { RealClock } from '../io/clock.ts'
import { RealDisk } from '../io/disk.ts'
import { type LogLevel, PinoLogger } from '../io/logger.ts'
import { RealNet } from '../io/net.ts'
import { RealRandom } from '../io/random.ts'
import { loadSyscalls } from '../io/syscalls.ts'

export interface ProcessPorts extends VolumePorts {
  readonly net: Net
  readonly logger: PinoLogger
}

export function openPorts(options: { logLevel: LogLevel }): ProcessPorts {
  const logger = new PinoLogger({ level: options.logLevel })
  const syscalls = loadSyscalls((reason) => logger.warn('syscalls.unavailable', {}, reason))
  const clock = new RealClock({ syscalls })
  const busyPoll = new BusyPoll(clock)
  return {
    disk: new RealDisk({ syscalls, busyPoll }),
    clock,
    random: new RealRandom(),
    pool: new BufferPool(),
    net: new RealNet({ logger, syscalls, busyPoll }),
    logger,
  }
}
