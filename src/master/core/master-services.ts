/** The parts of the master that snapshots, schedules and backups are made of, and what of them runs in the background. */
import { BackupService } from '../backups/backup-service.ts'
import type { JobPorts } from '../jobs/ports.ts'
import { ScheduleRunner } from '../schedules/runner.ts'
import { ScheduleService } from '../schedules/schedule-service.ts'
import { SnapshotKeeper } from '../snapshots/keeper.ts'
import { type ServicePorts, SnapshotService } from '../snapshots/snapshot-service.ts'
import { VolumeTurns } from '../snapshots/turns.ts'

export class MasterServices {
  readonly snapshots: SnapshotService
  readonly schedules: ScheduleService
  readonly backups: BackupService
  readonly #keeper: SnapshotKeeper
  readonly #runner: ScheduleRunner

  /** `look`: jobs look at once. */
  constructor(ports: ServicePorts & Pick<JobPorts, 'log' | 'unseal'>, look: () => void) {
    const turns = new VolumeTurns()
    this.#keeper = new SnapshotKeeper(ports, turns)
    this.snapshots = new SnapshotService(ports, turns, this.#keeper)
    this.schedules = new ScheduleService(ports)
    this.backups = new BackupService(ports)
    this.#runner = new ScheduleRunner({ ...ports, snapshots: this.snapshots, look })
  }

  start(): void {
    this.#keeper.start()
    this.#runner.start()
  }

  close(): void {
    this.#keeper.close()
    this.#runner.close()
  }
}
