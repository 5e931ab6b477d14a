/** The real world behind the ports, made once for the process. */
import { BufferPool } from '../base/buffer-pool.ts'
import type { Net } from '../base/ports/net.ts'
import type { VolumePorts } from '../blockvol/api.ts'
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
  return {
    disk: new RealDisk({ syscalls }),
    clock: new RealClock({ syscalls }),
    random: new RealRandom(),
    pool: new BufferPool(),
    net: new RealNet({ logger, syscalls }),
    logger,
  }
}
