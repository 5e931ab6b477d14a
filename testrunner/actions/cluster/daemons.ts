/** Processes of the product, started and stopped in good order. Killing is a fault's. */
import { Type } from 'typebox'
import { serverPath } from '../../../src/client/wire/server.ts'
import type { Daemon } from '../../cluster/cluster.ts'
import { duration, listOf, oneOf, truth, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { doHarm } from '../faults/damage.ts'
import { asValue, couldNot, notAsStated } from '../shared/failures.ts'
import { endHarm, isDown } from '../shared/harm.ts'
import { finishedJob } from '../shared/jobs.ts'
import { masterName, masterOf, serverName, serverOf } from '../shared/servers.ts'
import { pause } from '../shared/until.ts'
import { postForJob } from '../shared/volumes.ts'

/** No error when it runs. */
async function start(context: ActionContext, daemon: Daemon): Promise<string> {
  if (!daemon.isRunning) await daemon.start(context.signal)
  endHarm(context, isDown(daemon))
  return daemon.name
}

async function stop(context: ActionContext, daemon: Daemon, isCodeChecked: boolean): Promise<string> {
  doHarm(context, isDown(daemon))
  const code = await daemon.stop()
  if (isCodeChecked && code !== 0) {
    const message = `${daemon.name} ended with ${code === null ? 'a signal' : `exit code ${code}`}`
    throw notAsStated(message, 0, { code, log: (await daemon.log()).slice(-4000) })
  }
  return daemon.name
}

export const SERVER_START = defineAction({
  name: 'server_start',
  group: 'cluster',
  summary: 'Start servers that were killed or stopped, and wait until they serve',
  parameters: { server: listOf(serverName('the servers')) },
  result: 'the name of the first one',
  run: async (context, { server }) => {
    const daemons = await Promise.all(server.map((name) => serverOf(context, name)))
    return (await Promise.all(daemons.map((daemon) => start(context, daemon))))[0] ?? null
  },
})

export const SERVER_STOP = defineAction({
  name: 'server_stop',
  group: 'cluster',
  summary: 'Stop a server in good order (SIGTERM), and wait for its end',
  parameters: {
    server: serverName(),
    clean: withDefault(truth('its exit code must be 0'), true),
  },
  result: "the server's name",
  isFault: true,
  run: async (context, { server, clean }) => stop(context, await serverOf(context, server), clean),
})

export const MASTER_START = defineAction({
  name: 'master_start',
  group: 'cluster',
  summary: 'Start a master that was killed or stopped, and wait until it serves',
  parameters: { master: withDefault(masterName(), 'm1') },
  result: "the master's name",
  run: (context, { master }) => start(context, masterOf(context.world, master)),
})

export const MASTER_STOP = defineAction({
  name: 'master_stop',
  group: 'cluster',
  summary: 'Stop a master in good order (SIGTERM), and wait for its end',
  parameters: {
    master: withDefault(masterName(), 'm1'),
    clean: withDefault(truth('its exit code must be 0'), true),
  },
  result: "the master's name",
  isFault: true,
  run: (context, { master, clean }) => stop(context, masterOf(context.world, master), clean),
})

export const CLUSTER_READY = defineAction({
  name: 'cluster_ready',
  group: 'cluster',
  summary: 'Wait until the master answers and every server is connected',
  parameters: { settle: withDefault(duration('time to wait after that'), '0s') },
  run: async (context, { settle }) => {
    await context.world.cluster.ready(context.signal)
    await pause(context, settle)
    context.signal.throwIfAborted()
    return undefined
  },
})

export const SERVER_MAINTENANCE = defineAction({
  name: 'server_maintenance',
  group: 'cluster',
  summary: 'Cordon a server, uncordon it, or drain it of everything that it has',
  parameters: {
    server: serverName(),
    what: oneOf(['cordon', 'uncordon', 'drain'], 'what is done'),
    wait: withDefault(truth('of a drain: wait until its job has succeeded'), true),
  },
  result: 'the server, or the job of a drain, as the API shows it',
  timeoutMs: 180_000,
  isFault: true,
  run: async (context, { server, what, wait }) => {
    const { name, id } = await serverOf(context, server)
    if (id === null) throw couldNot(`${name} has not been part of the cluster yet`)
    const path = serverPath(id, what)
    if (what === 'drain') {
      const job = await postForJob(context, path)
      return asValue(wait ? await finishedJob(context, job.id) : job)
    }
    const { world, signal } = context
    return asValue(await world.cluster.api.call('POST', path, Type.Unknown(), {}, signal))
  },
})
