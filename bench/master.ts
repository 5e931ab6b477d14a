/**
 * `npm run bench:master [-- --volumes 100,300,1000] [--servers 10] [--directory DIR]`: what a master costs beside so many
 * volumes: a beat and a grant per volume, a decision (creation, failover) per volume, a page of the list of volumes over
 * HTTP, memory. All of it is to stay flat while the number of volumes grows.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MIB } from '../src/base/units.ts'
import { isOver } from '../src/master/jobs/turns.ts'
import { BenchWorld, REPLICAS } from './master/world.ts'

const { values } = parseArgs({
  options: {
    volumes: { type: 'string', default: '100,300,1000' },
    servers: { type: 'string', default: '10' },
    directory: { type: 'string', default: '.basalt/bench' },
  },
})
const ROUNDS = 40
const CREATES = 30
const MOVES = 50
const REST_MS = 2000
const WARM_UP = 200
const PAGE = 100
const PAGE_ROUNDS = 5

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/** What the master does for beats without news, µs of CPU a volume; and that the registry hears nothing of it. */
async function beats(world: BenchWorld, volumes: number): Promise<string> {
  await world.until('the registry to be quiet', quiet(world))
  const rounds: number[] = []
  const commits = world.registry.commits
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(world.beatRound())
    // what was sent is heard, and beats of the clock have their turn
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const us = median(rounds) / volumes
  return `beat ${us.toFixed(1)} us a volume (${(us / REPLICAS).toFixed(1)} a replica, its grant with it), ${world.registry.commits - commits} commits in ${ROUNDS} rounds`
}

/** True after a while without commits. */
function quiet({ registry }: BenchWorld): () => boolean {
  let [commits, calm] = [-1, 0]
  return () => {
    calm = registry.commits === commits ? calm + 1 : 0
    commits = registry.commits
    return calm >= 20
  }
}

async function creates(world: BenchWorld): Promise<string> {
  const caller = { actor: 'bench', requestId: 'bench' }
  const { cpuUs, commits } = await world.cost(async () => {
    for (let n = 0; n < CREATES; n++) {
      const { job } = await world.master.createVolume(caller, {
        name: `made-${n}`,
        sizeBytes: 64 * MIB,
        replicas: REPLICAS,
      })
      await world.until('the creation', () => {
        const now = world.store.view.job(job?.id ?? '')
        return now === undefined || isOver(now)
      })
    }
  })
  return `create ${(cpuUs / CREATES).toFixed(0)} us, ${(commits / CREATES).toFixed(1)} commits`
}

/** The lead goes to another member: stop, seal, promote. */
async function moves(world: BenchWorld): Promise<string> {
  const volumes = world.store.view.volumes().slice(0, MOVES)
  const { cpuUs, commits } = await world.cost(async () => {
    for (const { uuid, lead } of volumes) {
      const to = lead.set.members.find((member) => member !== lead.primary) ?? lead.primary
      const outcome = await world.runtime.leads.move(uuid, to)
      if (outcome.kind !== 'moved') throw new Error(`a move failed: ${outcome.reason}`)
    }
  })
  return `move of a lead ${(cpuUs / volumes.length).toFixed(0)} us, ${(commits / volumes.length).toFixed(1)} commits`
}

/** A server is gone: each volume that it led gets another primary. */
async function failover(world: BenchWorld): Promise<string> {
  const [victim] = world.servers
  if (victim === undefined) throw new Error('there are no servers')
  const led = world.store.view.volumes().filter(({ lead }) => lead.primary === victim.id)
  const { cpuUs, commits } = await world.cost(async () => {
    victim.down()
    await world.until('the failovers', () =>
      led.every(({ uuid }) => world.store.view.volume(uuid)?.lead.primary !== victim.id),
    )
    await world.served()
  })
  return `failover ${(cpuUs / led.length).toFixed(0)} us (of ${led.length}), ${(commits / led.length).toFixed(1)} commits`
}

async function pages(world: BenchWorld): Promise<string> {
  const { url, close } = await world.serve()
  const times: number[] = []
  let listed = 0
  try {
    for (let round = 0; round < PAGE_ROUNDS; round++) {
      listed = 0
      for (let cursor: string | null = ''; cursor !== null; ) {
        const beganMs = performance.now()
        const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const answer = await fetch(`${url}/block/volumes?limit=${PAGE}${more}`)
        const page = (await answer.json()) as { volumes: unknown[]; next_cursor: string | null }
        times.push(performance.now() - beganMs)
        listed += page.volumes.length
        cursor = page.next_cursor
      }
    }
  } finally {
    await close()
  }
  return `a page of ${PAGE} in ${median(times).toFixed(1)} ms, ${listed} volumes in ${times.length / PAGE_ROUNDS} pages`
}

async function report(volumes: number, say: (line: string) => void): Promise<void> {
  collect()
  const before = process.memoryUsage().heapUsed
  const path = mkdtempSync(join(directory, `${volumes}-`))
  const world = await BenchWorld.open(join(path, 'registry.sqlite'), Number(values.servers))
  const first = await world.cost(() => world.fill(volumes))
  say(`${volumes} volumes of ${REPLICAS} replicas on ${values.servers} servers`)
  say(
    `  first primary ${(first.cpuUs / volumes).toFixed(0)} us, ${(first.commits / volumes).toFixed(2)} commits a volume`,
  )
  await world.rest(REST_MS)
  for (const measure of [beats, pages, creates, moves, failover]) say(`  ${await measure(world, volumes)}`)
  collect()
  const { heapUsed, rss } = process.memoryUsage()
  say(
    `  memory ${(rss / MIB).toFixed(0)} MiB, ${((heapUsed - before) / 1024 / volumes).toFixed(1)} KiB of heap a volume (the servers in it)`,
  )
  await world.close()
}

mkdirSync(values.directory, { recursive: true })
const directory = mkdtempSync(join(values.directory, 'master-'))
try {
  // the first one is slower than all that follow, whatever its size
  await report(WARM_UP, () => undefined)
  for (const volumes of values.volumes.split(',').map(Number)) await report(volumes, console.log)
} finally {
  rmSync(directory, { recursive: true })
}
