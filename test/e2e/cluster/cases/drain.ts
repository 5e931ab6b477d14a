/**
 * A server with twenty volumes is drained while hosts write to some of them and verify. What a host may see is what its
 * kernel repeats by itself: BUSY, and a connection that ends and is made again elsewhere. A command that is not done
 * within a kernel's patience, a write that was acknowledged and is not there, or a block that is not what was written,
 * fails the check.
 */
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase, Load, Scene } from '../fixture/scene.ts'
import { expect, KERNEL_PATIENCE_MS } from '../fixture/scene.ts'

const VOLUMES = 20
/** Volumes that hosts use. */
const LOADED = 6
const VICTIM = 'server-1'
const AT_ONCE = 4
export const SMALL = { size_bytes: 16 << 20, log_bytes: 4 << 20, replica_factor: 2 }
/** Longer, and people would notice; a hand-over is meant to take less than a second on an idle machine. */
const PAUSE_MS_MAX = 20_000

const name = (n: number): string => `drain-${String(n).padStart(2, '0')}`

export const DRAIN: ClusterCase = {
  name: 'drain',
  summary: `a server with ${VOLUMES} volumes is drained while hosts write and verify`,
  async run(scene) {
    const { cli, dev } = scene
    // demo has a replica on every server: it would have nowhere to go
    if ((await dev.api.volume('demo')) !== undefined) await cli.says('volume', 'delete', 'demo', '--yes')
    await scene.check(`${VOLUMES} volumes with a replica on ${VICTIM}`, () => makeVolumes(scene))
    const loads = await Promise.all(Array.from({ length: LOADED }, (_, i) => scene.load(name(i))))
    await scene.check('hosts write before', () => progressOf(loads, 20))
    for (const { witness } of loads) witness.takeSlowest()
    const led = (await dev.api.volumes()).filter(({ replicas }) =>
      replicas.some(({ server_name, role }) => server_name === VICTIM && role === 'primary'),
    ).length
    await scene.check('the drain ends well', async () => {
      const beganMs = performance.now()
      await cli.says('server', 'drain', VICTIM)
      scene.note(
        `${led} leads and ${VOLUMES} replicas in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`,
      )
    })
    await scene.check('no replica is left there, and every volume is healthy', async () => {
      const volumes = await Promise.all(Array.from({ length: VOLUMES }, (_, i) => dev.api.healthy(name(i))))
      const left = volumes.filter(({ replicas }) =>
        replicas.some(({ server_name }) => server_name === VICTIM),
      )
      expect(left.length === 0, `left: ${left.map((one) => one.name).join(', ')}`)
      const table = await cli.says('server', 'get', VICTIM)
      expect(/^replicas +0/m.test(table), table)
    })
    await verified(scene, loads)
    await scene.stopLoads()
    await scene.check('it takes replicas again', async () => {
      await cli.says('server', 'uncordon', VICTIM)
      await cli.fails(EXIT.notFound, /no server/, 'server', 'drain', 'server-9')
    })
  },
}

/** Two replicas each; one of them on the victim, for the other goes to one server and to the other in turn. */
async function makeVolumes({ cli, dev }: Scene): Promise<void> {
  for (const [index, other] of ['server-3', 'server-2'].entries()) {
    await cli.says('server', 'cordon', other)
    const numbers = Array.from({ length: VOLUMES / 2 }, (_, i) => 2 * i + index)
    for (let at = 0; at < numbers.length; at += AT_ONCE) {
      await Promise.all(
        numbers
          .slice(at, at + AT_ONCE)
          .map((n) => dev.api.call('POST', '/block/volume', { name: name(n), ...SMALL })),
      )
    }
    await cli.says('server', 'uncordon', other)
  }
  for (let n = 0; n < VOLUMES; n++) {
    const { replicas } = await dev.api.healthy(name(n))
    expect(
      replicas.some(({ server_name }) => server_name === VICTIM),
      `${name(n)} has no replica there`,
    )
  }
}

export async function progressOf(loads: readonly Load[], writes: number): Promise<void> {
  await Promise.all(loads.map(({ witness }) => witness.progress(writes, KERNEL_PATIENCE_MS)))
}

/** What hosts saw since the last call of `takeSlowest`, told and judged. */
export async function verified(scene: Scene, loads: readonly Load[]): Promise<void> {
  await scene.check('hosts go on, and everything that was acknowledged is there', async () => {
    await progressOf(loads, 10)
    let slowestMs = 0
    let [writes, repeated] = [0, 0]
    for (const { witness } of loads) {
      await witness.stop()
      await witness.verify()
      slowestMs = Math.max(slowestMs, witness.takeSlowest())
      writes += witness.totals.writes
      repeated += witness.totals.errors
      witness.start()
    }
    scene.note(
      `${loads.length} hosts, ${writes} writes acknowledged and verified, ${repeated} commands repeated, longest pause ${slowestMs.toFixed(0)} ms`,
    )
    expect(slowestMs < PAUSE_MS_MAX, `a host waited ${slowestMs.toFixed(0)} ms`)
  })
}
