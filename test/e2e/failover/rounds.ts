/**
 * One round: the server that leads every volume is killed, or stopped for longer than its lease, while hosts write. What
 * hosts waited is measured from the signal to the first command that another server answered.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from '../cluster/fixture/real-cluster.ts'
import { ReturnWatch } from './fixture/return.ts'
import type { Scene } from './fixture/scene.ts'
import { StaleHost } from './fixture/stale.ts'
import { Timeline } from './fixture/timeline.ts'
import { FILLED_BYTES, type LoadedVolume, STALE_BLOCKS } from './fixture/volumes.ts'

const FAILOVER_MS = 5000
/** Of hosts that nobody serves any more: so long they are waited for. */
const GIVE_UP_MS = 30_000
const STOPPED_MS = 15_000
const IN_SYNC_MS = 60_000
/** What a resync may send, so that it is none of the whole volume. */
const DELTA_BYTES = FILLED_BYTES / 4
/** After a server that was stopped goes on: until it has reset who is logged in. */
const RESET_MS = 3000
const OLD = 0x11
const NEW = 0x22

export type Signal = 'SIGKILL' | 'SIGSTOP'

export async function round(scene: Scene, number: number, signal: Signal): Promise<void> {
  const { cluster, volumes } = scene
  const victim = await scene.gathered()
  scene.report.title(`round ${number}: ${signal} of ${victim.name}, which leads ${volumes.length} volumes`)
  // who does not lead lives: sessions begin there, and are sent to the victim
  const entry = cluster.servers.find((server) => server !== victim)?.line.iscsi ?? ''
  for (const { host } of volumes) await host.enterAt(entry)
  for (const { witness } of volumes) await witness.progress(100)
  const stale = signal === 'SIGSTOP' ? await openStale(volumes, victim) : []

  const timeline = await Timeline.begin(cluster.api)
  const firsts = volumes.map((volume) => firstElsewhere(volume, victim.line.iscsi))
  victim.signal(signal)
  const signalledMs = performance.now()
  if (signal === 'SIGKILL') await victim.ended()
  for (const host of stale) host.send()
  for (const [at, volume] of volumes.entries()) {
    await scene.check(`${volume.kind}: another server answers within ${FAILOVER_MS} ms`, async () => {
      const ms = ((await firsts[at]) ?? 0) - signalledMs
      scene.measured(scene.figures.failovers, `${signal}, ${volume.kind}`, ms)
      const view = await volume.view()
      const leader = cluster.serverOf(view.volume_server)
      scene.report.title(`       ${ms.toFixed(0)} ms: ${await timeline.of(view, leader.log())}`)
      if (ms > FAILOVER_MS) throw new Error(`it took ${ms.toFixed(0)} ms`)
    })
  }
  if (signal === 'SIGSTOP') {
    for (const volume of volumes) await volume.writeStaleBlocks(NEW)
    await delay(Math.max(0, signalledMs + STOPPED_MS - performance.now()))
  }
  await comeBack(scene, victim, stale)
  await scene.check('nothing acknowledged is lost, and no host got an error', async () => {
    for (const volume of volumes) await volume.verify()
  })
}

/** When a command that was given after now is answered by another server. */
function firstElsewhere(volume: LoadedVolume, portal: string): Promise<number> {
  const first = Promise.withResolvers<number>()
  const end = volume.host.watch((answer) => {
    if (answer.portal !== portal) first.resolve(answer.answeredMs)
  })
  const tooLong = setTimeout(
    () => first.reject(new Error(`nobody answers within ${GIVE_UP_MS} ms`)),
    GIVE_UP_MS,
  )
  first.promise.catch(() => undefined)
  return first.promise.finally(() => {
    clearTimeout(tooLong)
    end()
  })
}

async function openStale(volumes: readonly LoadedVolume[], victim: Server): Promise<readonly StaleHost[]> {
  const hosts: StaleHost[] = []
  for (const volume of volumes) {
    await volume.writeStaleBlocks(OLD)
    hosts.push(await StaleHost.open(victim.line.iscsi, volume.iqn, STALE_BLOCKS))
  }
  return hosts
}

/** The server is there again: what hosts send it is refused, and it follows. */
async function comeBack(scene: Scene, victim: Server, stale: readonly StaleHost[]): Promise<void> {
  const { cluster, volumes } = scene
  // sent to a process that stands, while another one leads
  for (const host of stale) host.send()
  const watch = await ReturnWatch.begin(cluster, victim)
  if (victim.isRunning) victim.signal('SIGCONT')
  else await victim.start()
  for (const [at, host] of stale.entries()) {
    const volume = volumes[at]!
    await scene.check(`${volume.kind}: the server that was stopped serves no host of before`, async () => {
      await host.verdict(RESET_MS)
      host.close()
      await volume.checkStaleBlocks(NEW)
    })
  }
  const name = `${victim.name} is in sync again, by what it missed`
  const beganMs = performance.now()
  await scene.check(name, async () => {
    const healthy = Promise.all(volumes.map((volume) => volume.leader(IN_SYNC_MS)))
    const returned = await healthy.finally(() => watch.stop()).then(() => watch.end())
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
    for (const { name: volume, kind } of volumes) {
      const { plans, sentBytes } = returned.get(volume) ?? { plans: [], sentBytes: 0 }
      const sent = `${(sentBytes / 2 ** 20).toFixed(1)} MiB of blocks`
      scene.report.title(`       ${kind}: ${plans.join(', ')}, ${sent}, after ${seconds} s`)
      if (plans.length === 0) throw new Error(`${kind}: nobody brought it up`)
      if (sentBytes > DELTA_BYTES) throw new Error(`${kind}: ${sent}, as if it had nothing`)
    }
  })
}
