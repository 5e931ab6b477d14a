/** Processes of the product are killed, or stopped in the middle of what they do. */
import type { Daemon } from '../../cluster/cluster.ts'
import { truth, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { couldNot } from '../shared/failures.ts'
import { endHarm, isDown } from '../shared/harm.ts'
import { masterName, masterOf, serverName, serverOf } from '../shared/servers.ts'
import { doHarm, noteDamage } from './damage.ts'

const SERVER = { server: serverName() } as const
const MASTER = { master: withDefault(masterName(), 'm1') } as const
const RESULT = 'server (its name here), id (in the cluster)'

const isPaused = ({ name }: Daemon): string => `${name} paused`
const told = ({ name, id }: Daemon) => ({ server: name, id })

/** ACTION when it does not run: then there was nothing to kill, and what follows would prove nothing. */
async function killDaemon(context: ActionContext, daemon: Daemon): Promise<void> {
  if (!daemon.isRunning) throw couldNot(`${daemon.name} does not run, so it cannot be killed`)
  doHarm(context, isDown(daemon))
  await daemon.kill()
  noteDamage(context.world, 'killed', daemon.name)
  if (daemon.isRunning) throw couldNot(`${daemon.name} was killed and runs all the same`)
  // one that was paused is not any more
  endHarm(context, isPaused(daemon))
}

async function pauseDaemon(context: ActionContext, daemon: Daemon): Promise<void> {
  if (!daemon.isRunning) throw couldNot(`${daemon.name} does not run, so it cannot be paused`)
  doHarm(context, isPaused(daemon))
  await daemon.pause()
  // a process that stands still cannot be told to end
  context.world.atEnd(`${daemon.name} goes on`, () =>
    daemon.isRunning ? daemon.resume() : Promise.resolve(),
  )
}

async function resumeDaemon(context: ActionContext, daemon: Daemon): Promise<void> {
  if (!daemon.isRunning) throw couldNot(`${daemon.name} does not run any more, so it cannot go on`)
  await daemon.resume()
  endHarm(context, isPaused(daemon))
}

export const serverKill = defineAction({
  name: 'server_kill',
  group: 'fault',
  summary: 'Kill a block server (SIGKILL)',
  parameters: SERVER,
  result: RESULT,
  isFault: true,
  async run(context, { server }) {
    const daemon = await serverOf(context, server)
    await killDaemon(context, daemon)
    return told(daemon)
  },
})

export const serverPause = defineAction({
  name: 'server_pause',
  group: 'fault',
  summary: 'Make a block server stand still (SIGSTOP): its connections stay, nothing is answered',
  parameters: SERVER,
  result: RESULT,
  isFault: true,
  async run(context, { server }) {
    const daemon = await serverOf(context, server)
    await pauseDaemon(context, daemon)
    return told(daemon)
  },
})

export const serverResume = defineAction({
  name: 'server_resume',
  group: 'fault',
  summary: 'Let a block server go on that was paused',
  parameters: SERVER,
  result: RESULT,
  async run(context, { server }) {
    const daemon = await serverOf(context, server)
    await resumeDaemon(context, daemon)
    return told(daemon)
  },
})

export const masterKill = defineAction({
  name: 'master_kill',
  group: 'fault',
  summary: 'Kill a master (SIGKILL)',
  parameters: MASTER,
  isFault: true,
  async run(context, { master }) {
    await killDaemon(context, masterOf(context.world, master))
    return undefined
  },
})

export const masterPause = defineAction({
  name: 'master_pause',
  group: 'fault',
  summary: 'Make a master stand still (SIGSTOP)',
  parameters: MASTER,
  isFault: true,
  async run(context, { master }) {
    await pauseDaemon(context, masterOf(context.world, master))
    return undefined
  },
})

export const masterResume = defineAction({
  name: 'master_resume',
  group: 'fault',
  summary: 'Let a master go on that was paused',
  parameters: MASTER,
  async run(context, { master }) {
    await resumeDaemon(context, masterOf(context.world, master))
    return undefined
  },
})

export const powerCut = defineAction({
  name: 'power_cut',
  group: 'fault',
  summary:
    'Kill every block server that runs in one moment, and the masters if told; what kernels had not written yet is not lost by it',
  parameters: { masters: withDefault(truth('the masters, too'), false) },
  result: 'the names of those that were killed',
  isFault: true,
  async run(context, { masters }) {
    const { cluster } = context.world
    const running = (daemons: readonly Daemon[]) => daemons.filter(({ isRunning }) => isRunning)
    if (running(cluster.servers).length === 0)
      throw couldNot('no block server runs, so the power cuts nothing')
    const victims = running(masters ? [...cluster.servers, ...cluster.masters] : cluster.servers)
    await Promise.all(victims.map((daemon) => killDaemon(context, daemon)))
    return victims.map(({ name }) => name)
  },
})
