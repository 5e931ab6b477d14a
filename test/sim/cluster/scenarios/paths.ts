/** Hosts on several paths: what was sent on one that was not active, or is over, must not be carried out later. */

import { isBlockError } from '../../../../src/base/errors.ts'
import type { PathRole } from '../../../../src/frontend/paths.ts'
import { BlockClient } from '../../../../src/iscsi/initiator/block-client.ts'
import { Initiator } from '../../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import { fail } from '../../../cluster/checker.ts'
import { fillSectors, identifyAll } from '../../content.ts'
import { emptyStorage, startProcess } from '../../machine.ts'
import { VOLUME_ID } from '../master/names.ts'
import { IQN, portalOf, toldPortalOf } from '../paths/front-ends.ts'
import { type Stage, SYNC_QUORUM, scenario } from './stage.ts'

const BLOCK = 200
const BLOCK_SECTORS = 8

/** Every server hears where the paths of the volume are, and who is active. */
function tellPaths(stage: Stage, active: string | undefined): void {
  const { sizeBytes, logicalBlockBytes } = stage.sim.profile.shape
  const servers = [...stage.sim.servers.values()]
  const roleOf = (name: string): PathRole => {
    if (active === undefined) return 'transitioning'
    return name === active ? 'active' : 'standby'
  }
  const paths = servers.map((server, slot) => ({
    server: server.server,
    slot,
    role: roleOf(server.name),
    iscsi: [toldPortalOf(server)],
    nvme: [],
  }))
  const known = { name: 'v', sizeBytes, logicalBlockBytes, isMultipath: true, initiators: null, hosts: null }
  const volumes = [{ volume: VOLUME_ID, ...known, paths }]
  for (const { running } of servers)
    running?.table.apply({ isFirst: true, isLast: true, volumes, removed: [] })
}

/** A host's session to one server, from a machine of its own. */
class Line {
  readonly #session: InitiatorSession
  readonly #disk: BlockClient

  private constructor(session: InitiatorSession) {
    this.#session = session
    this.#disk = new BlockClient(session)
  }

  static async open(stage: Stage, machine: string, to: string): Promise<Line> {
    const { scheduler, network } = stage.sim
    const process = startProcess({ storage: emptyStorage(), scheduler, seed: 7 })
    const initiator = new Initiator({
      net: network.netOf({ name: machine, isPowered: true }, process.life),
      clock: process.clock,
      random: process.random,
      pool: process.pool,
      initiatorName: `iqn.2026-01.example:${machine}`,
    })
    const portal = portalOf(stage.server(to))
    return new Line(await initiator.connect({ portal, targetName: IQN, commandTimeoutMs: 60_000 }))
  }

  /** What the command ended with. */
  async write(value: number): Promise<string> {
    const data = fillSectors(new Uint8Array(4096), BLOCK * BLOCK_SECTORS, value)
    try {
      await this.#disk.write(BLOCK, 1, data)
      return 'ok'
    } catch (error) {
      if (isBlockError(error)) return error.code
      throw error
    }
  }

  async read(): Promise<number> {
    const data = new Uint8Array(4096)
    await this.#disk.read(BLOCK, 1, data)
    return identifyAll(data, BLOCK * BLOCK_SECTORS, 4096)[0]!
  }

  async close(): Promise<void> {
    this.#session.close()
    await this.#session.closed
  }
}

/**
 * A write is on its way to a standby path when that turns active, and comes when another host has written: the path was to
 * be read empty first.
 */
export const standbyIsReadEmpty = scenario({ policy: SYNC_QUORUM, isMultipath: true }, async (stage) => {
  await stage.begin('a')
  tellPaths(stage, 'a')
  const late = await Line.open(stage, 'left', 'b')
  stage.expect((await late.write(nextOf(stage))) === 'BUSY', 'a standby path takes no writes')
  stage.cutOneWay('left', 'b')
  const lost = late.write(nextOf(stage))
  await moveTo(stage, 'b')
  await stage.wait(3000)
  const line = await Line.open(stage, 'right', 'b')
  const value = nextOf(stage)
  stage.expect((await line.write(value)) === 'ok', 'the path is active')
  stage.join('left', 'b')
  await stage.wait(2000)
  const found = await line.read()
  if (found !== value)
    fail(`a write that was on its way to a standby path came after write ${value}: ${found}`)
  stage.expect((await lost) !== 'ok', 'the late write was not acknowledged')
  await Promise.all([late.close(), line.close()])
})

/** A write is on its way to the primary when that loses its role, and comes when it has it again. */
export const oldPathsAreOver = scenario({ policy: SYNC_QUORUM, isMultipath: true }, async (stage) => {
  await stage.begin('a')
  tellPaths(stage, 'a')
  const late = await Line.open(stage, 'left', 'a')
  stage.expect((await late.write(nextOf(stage))) === 'ok', 'the path is active')
  stage.cutOneWay('left', 'a')
  const lost = late.write(nextOf(stage))
  await moveTo(stage, 'b')
  const line = await Line.open(stage, 'right', 'b')
  const value = nextOf(stage)
  stage.expect((await line.write(value)) === 'ok', 'the other path is active')
  await moveTo(stage, 'a')
  const again = await Line.open(stage, 'right', 'a')
  stage.expect((await again.read()) === value, 'the first path is active again')
  stage.join('left', 'a')
  await stage.wait(2000)
  const found = await again.read()
  if (found !== value) fail(`a write of an epoch that is over came after write ${value}: ${found}`)
  stage.expect((await lost) !== 'ok', 'the late write was not acknowledged')
  await Promise.all([late.close(), line.close(), again.close()])
})

const nextOf = (stage: Stage): number => stage.sim.history.nextValue()

async function moveTo(stage: Stage, to: string): Promise<void> {
  tellPaths(stage, undefined)
  // the simplest master does not wait for the answer of who is to lead: an operator asks again
  for (let tries = 0; !stage.isServedAt(to) && tries < 10; tries++) {
    await stage.well()
    stage.sim.master.move(stage.server(to).server)
    await stage.wait(3000)
  }
  await stage.served(to)
  tellPaths(stage, to)
}
