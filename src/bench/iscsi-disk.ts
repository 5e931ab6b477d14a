/** A logical unit over iSCSI as a device under load: one session a connection. */
import { formatHostPort } from '../base/address.ts'
import { viewOf, writeU64 } from '../base/binary.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import { BlockClient } from '../iscsi/initiator/block-client.ts'
import { read16, synchronizeCache16, write16 } from '../iscsi/initiator/cdb.ts'
import { type CommandHandler, type CommandResult, ScsiStatus } from '../iscsi/initiator/command.ts'
import { Initiator } from '../iscsi/initiator/initiator.ts'
import { scsiError } from '../iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../iscsi/initiator/session.ts'
import { parseIscsiUrl } from '../iscsi/initiator/url.ts'
import type { BenchDisk, BenchLink, SlotCommands, SlotHandler } from './disk.ts'

const INITIATOR_NAME = 'iqn.2026-11.io.basalt:bench'
/** Beside the load, for the commands around it. */
const SPARE_TASKS = 16
/** Where the CDBs of READ (16) and WRITE (16) hold the LBA. */
const LBA_AT = 2

export async function openIscsiDisk(
  ports: { readonly net: Net; readonly clock: Clock; readonly random: Random },
  options: { readonly url: string; readonly connections: number; readonly queueDepth: number },
): Promise<BenchDisk> {
  const initiator = new Initiator({ ...ports, initiatorName: INITIATOR_NAME })
  const sessions: InitiatorSession[] = []
  const close = async (): Promise<void> => {
    await Promise.all(sessions.map((session) => session.logout()))
  }
  try {
    for (let i = 0; i < options.connections; i++) {
      const session = await initiator.connect({
        url: options.url,
        tasksMax: options.queueDepth + SPARE_TASKS,
      })
      sessions.push(session)
      await new BlockClient(session).testUnitReady()
    }
    const client = new BlockClient(sessions[0]!)
    const { portal, targetName, lun } = parseIscsiUrl(options.url)
    return {
      target: `iscsi://${formatHostPort(portal)}/${targetName}/${lun}`,
      capacity: await client.readCapacity(),
      transferBytesMax: Number.POSITIVE_INFINITY,
      links: sessions.map((session) => new IscsiLink(session)),
      read: (lba, blocks, target) => client.read(lba, blocks, target),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

class IscsiLink implements BenchLink {
  readonly #session: InitiatorSession

  constructor(session: InitiatorSession) {
    this.#session = session
  }

  slot(
    { blocks, dataIn, dataOut }: { blocks: number; dataIn: Uint8Array; dataOut: Uint8Array },
    handler: SlotHandler,
  ): SlotCommands {
    const session = this.#session
    const ends: CommandHandler = {
      completed: ({ status, sense, dataInBytes }: CommandResult) => {
        const error = status === ScsiStatus.good ? undefined : scsiError('the command', status, sense)
        handler.completed(dataInBytes, error)
      },
      failed: (error) => handler.failed(error),
    }
    const read = { cdb: read16(0, blocks), dataIn }
    const write = { cdb: write16(0, blocks), dataOut }
    const flush = { cdb: synchronizeCache16() }
    const readLba = viewOf(read.cdb)
    const writeLba = viewOf(write.cdb)
    return {
      read(lba) {
        writeU64(readLba, LBA_AT, lba, false)
        session.submit(read, ends)
      },
      write(lba) {
        writeU64(writeLba, LBA_AT, lba, false)
        session.submit(write, ends)
      },
      flush() {
        session.submit(flush, ends)
      },
    }
  }
}
