/** A server's disk is replaced by an empty one. */
import { defineAction } from '../action.ts'
import { badArgument, couldNot } from '../shared/failures.ts'
import { endHarm } from '../shared/harm.ts'
import { serverName, serverOf } from '../shared/servers.ts'
import { doHarm } from './damage.ts'

export const serverWipe = defineAction({
  name: 'server_wipe',
  group: 'fault',
  summary:
    'Takes away everything that a server stored, as a new disk does; its server must be down, and starts as one that nobody knows',
  parameters: { server: serverName() },
  result: 'server (its name here), id (that it had in the cluster)',
  isFault: true,
  async run(context, { server }) {
    const daemon = await serverOf(context, server)
    if (daemon.isRunning) throw couldNot(`${daemon.name} runs; a disk that is in use is not replaced`)
    if (context.world.scenario.topology.serverFlags['log-dir'] !== undefined)
      throw badArgument('servers with a log-dir of their own have two disks; only one would be wiped')
    const { name, id, machine, dataPath } = daemon
    doHarm(context, `${name} wiped`)
    endHarm(context, `${name} wiped`)
    const { code, stderr } = await machine.run(['find', dataPath, '-mindepth', '1', '-delete'])
    if (code !== 0) throw couldNot(`${dataPath} on ${machine.name} is not empty: ${stderr.trim()}`)
    return { server: name, id }
  },
})
