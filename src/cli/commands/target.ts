/** `basalt target list|show|space|checkpoint|scrub`: asks the admin API of one running target. */
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import type { ArgumentDescription, Call, CommandDescription, Noun } from '../command.ts'
import type { ApiClient } from '../http/api-client.ts'
import { scrubFacts, spaceFacts, TARGET_COLUMNS, targetFacts } from '../views/target.ts'
import { Checkpoint, Scrub, Space, Volume, VolumeList } from '../wire/target.ts'

export const TARGET_NOUN: Noun = {
  words: ['target'],
  summary: 'ask a target that runs',
}

const SCRUB_LOOK_MS = 200
const NAME: ArgumentDescription = {
  name: 'NAME',
  help: 'name of the volume; may be left out when there is one',
  isOptional: true,
}

export const TARGET_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['target', 'list'],
    summary: 'list the volumes of a target',
    service: 'target',
    run: async (call) => {
      const { volumes } = await (await call.connect()).get('/block/volumes', VolumeList)
      call.printTable(TARGET_COLUMNS, volumes)
    },
  },
  {
    words: ['target', 'show'],
    summary: 'show one volume of a target',
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await find(call)
      const volume = await api.get(path, Volume)
      call.printFacts(volume, () => targetFacts(volume))
    },
  },
  {
    words: ['target', 'space'],
    summary: 'show what a volume takes on the disk',
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await find(call)
      const space = await api.get(`${path}/space`, Space)
      call.printFacts(space, () => spaceFacts(space))
    },
  },
  {
    words: ['target', 'checkpoint'],
    summary: "bring a volume's log into its extents",
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await find(call)
      const done = await api.call('POST', `${path}/checkpoint`, Checkpoint)
      call.print(done, () => `checkpoint at LSN ${done.checkpointLsn}\n`)
    },
  },
  {
    words: ['target', 'scrub'],
    summary: 'read a whole volume against its checksums',
    args: [NAME],
    flags: [
      { name: 'status', placeholder: undefined, help: 'only show how far it is' },
      {
        name: 'wait',
        placeholder: undefined,
        help: 'return when the pass has ended; exit code 1 when it found bad blocks',
      },
    ],
    service: 'target',
    run: scrub,
  },
]

async function scrub(call: Call): Promise<void> {
  const { api, path } = await find(call)
  let state = await api.call(call.isSet('status') ? 'GET' : 'POST', `${path}/scrub`, Scrub)
  while (call.isSet('wait') && state.running) {
    await call.terminal.pause(SCRUB_LOOK_MS)
    state = await api.get(`${path}/scrub`, Scrub)
  }
  call.printFacts(state, () => scrubFacts(state))
  if (call.isSet('wait') && state.errors > 0) {
    throw new BlockError(
      'MEDIUM',
      `the scrub found ${state.errors} bad blocks; 'basalt target show' lists what to do`,
    )
  }
}

/** The volume that was named; without a name, the only one. */
async function find(call: Call): Promise<{ readonly api: ApiClient; readonly path: string }> {
  const given = call.optionalArg('NAME')
  const api = await call.connect()
  if (given !== undefined) return { api, path: `/block/volumes/${parseVolumeName(given, 'NAME')}` }
  const { volumes } = await api.get('/block/volumes', VolumeList)
  const [only, ...others] = volumes
  if (only !== undefined && others.length === 0) {
    return { api, path: `/block/volumes/${encodeURIComponent(only.name)}` }
  }
  const names = volumes.map((volume) => volume.name).join(', ')
  throw new BlockError('INVALID_ARGUMENT', `NAME is missing; the target has ${names || 'no volumes'}`)
}
