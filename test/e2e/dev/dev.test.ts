/** `basalt dev` and `basalt start` as processes: a cluster that starts, survives, stops and is found again. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DevEvent } from '../../../src/dev/events.ts'
import { login, patternAt } from '../target/support/host.ts'
import { BasaltProcess, run } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

type Named<Name extends DevEvent['event']> = Extract<DevEvent, { readonly event: Name }>

let directory: ReturnType<typeof temporaryDirectory>
let running: BasaltProcess[]
beforeEach(() => {
  directory = temporaryDirectory()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((child) => child.kill()))
  directory.remove()
})

function dev(...more: string[]): BasaltProcess {
  const child = new BasaltProcess(['dev', '--json', '--dir', directory.path, ...more])
  running.push(child)
  return child
}

/** The first event of this name, and of this daemon, from the beginning or yet to come. */
const told = <Name extends DevEvent['event']>(
  child: BasaltProcess,
  name: Name,
  daemon?: string,
): Promise<Named<Name>> =>
  child.line('stdout', (line) => {
    const event: DevEvent = JSON.parse(line)
    const isWanted =
      event.event === name && (daemon === undefined || ('name' in event && event.name === daemon))
    return isWanted ? (event as Named<Name>) : undefined
  })

/** Ids of the processes of a cluster, as it told them. */
const pidsOf = (child: BasaltProcess): number[] =>
  child.lines('stdout').flatMap((line) => {
    const event: DevEvent = JSON.parse(line)
    return event.event === 'started' || event.event === 'back' ? [event.pid] : []
  })

/** A process that has ended and that nobody has waited for yet is gone, too. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Resolves when none of them runs. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve))
}

describe('basalt dev', () => {
  it('serves a volume, keeps it over a stop, and leaves nothing running', async () => {
    const first = dev()
    const volume = await told(first, 'volume')
    expect(volume).toMatchObject({ name: 'demo', isNew: true, replicas: 3 })
    const { disk, session } = await login({ iscsi: volume.portal, iqn: volume.iqn })
    await disk.write(0, 8, patternAt(7, 4096))
    await disk.flush()
    await session.logout()
    const { page } = await told(first, 'ready')
    expect((await fetch(page)).status).toBe(200)
    const pids = pidsOf(first)
    expect(pids).toHaveLength(4)
    first.signal('SIGINT')
    expect((await first.exited).code).toBe(0)
    await gone(pids)

    const second = dev()
    const found = await told(second, 'volume')
    expect(found).toMatchObject({ isNew: false, iqn: volume.iqn })
    const again = await login({ iscsi: found.portal, iqn: found.iqn })
    const content = new Uint8Array(4096)
    await again.disk.read(0, 8, content)
    expect(Buffer.from(content).equals(patternAt(7, 4096))).toBe(true)
    await again.session.logout()
    await told(second, 'ready')
    expect((await second.stop()).code).toBe(0)
    await gone(pidsOf(second))
  })

  it('starts what was killed again, and another server leads meanwhile', async () => {
    const child = dev()
    const { portal, iqn } = await told(child, 'volume')
    await told(child, 'ready')
    const leader = child
      .lines('stdout')
      .map((line): DevEvent => JSON.parse(line))
      .find((event) => event.event === 'started' && event.iscsi === portal)
    if (leader?.event !== 'started') throw new Error('somebody leads')
    process.kill(leader.pid, 'SIGKILL')
    expect(await told(child, 'died', leader.name)).toMatchObject({ how: 'killed by SIGKILL' })
    expect((await told(child, 'back', leader.name)).pid).not.toBe(leader.pid)
    const { page } = await told(child, 'ready')
    const origin = new URL(page).origin
    for (;;) {
      const volume = (await (await fetch(`${origin}/block/volume/demo`)).json()) as {
        serving: boolean
        epoch: number
        iscsi_addr: string
      }
      if (!volume.serving || volume.epoch < 2) continue
      const { session } = await login({ iscsi: volume.iscsi_addr, iqn })
      await session.logout()
      break
    }
    await child.stop()
  })

  it('takes its daemons along when it is killed', async () => {
    const child = dev('--servers', '1')
    await told(child, 'ready')
    const pids = pidsOf(child)
    expect(pids.every(isAlive)).toBe(true)
    await child.kill()
    await gone(pids)
  })

  it('refuses a directory that is in use, and numbers of servers that make no sense', async () => {
    const child = dev('--servers', '1')
    await told(child, 'started')
    const second = await run(['dev', '--dir', directory.path])
    expect(second).toMatchObject({ code: 4, stderr: expect.stringMatching(/runs in .* already.*--dir/) })
    for (const count of ['0', '10', 'three', '1.5']) {
      const { code, stderr } = await run(['dev', '--dir', directory.path, '--servers', count])
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--servers') })
    }
    await told(child, 'ready')
    await child.stop()
  })

  it('says what a daemon said that did not start, and stops the others', async () => {
    const child = dev('--servers', '1')
    await told(child, 'ready')
    await child.stop()
    // as if another release had written it
    writeFileSync(join(directory.path, 'server-1/server.json'), '{"version":9}')
    const { code, stderr } = await run(['dev', '--servers', '1', '--dir', directory.path])
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/server-1 did not start/),
    })
    expect(stderr).toContain('version 9')
  })
})

describe('the sample volume', () => {
  it('that was deleted stays deleted', async () => {
    const first = dev('--servers', '1')
    const { page } = await told(first, 'ready')
    const volume = `${new URL(page).origin}/block/volume/demo`
    expect((await fetch(volume, { method: 'DELETE' })).status).toBe(202)
    while ((await fetch(volume)).status !== 404);
    await first.stop()
    const second = dev('--servers', '1')
    await told(second, 'ready')
    expect(second.lines('stdout').join('\n')).not.toContain('"event":"volume"')
    await second.stop()
  })

  it('of a registry that was lost is taken over from the servers, once an operator says so', async () => {
    const first = dev('--servers', '2')
    await told(first, 'ready')
    await first.stop()
    for (const end of ['', '-wal', '-shm'])
      rmSync(join(directory.path, `master/registry.sqlite${end}`), { force: true })
    const second = dev('--servers', '2')
    const { master } = await told(second, 'locked')
    const recover = (): Promise<Response> =>
      fetch(`http://${master}/block/recover`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
    // refused until the other member has reported, too
    let answer = await recover()
    while (answer.status === 409) answer = await recover()
    expect(answer.status).toBe(200)
    expect(await told(second, 'volume')).toMatchObject({ name: 'demo', isNew: false })
    await second.stop()
  })
})

describe('basalt start', () => {
  it('tests itself through a real connection and ends with 0 when told --once', async () => {
    const { code, stdout, stderr } = await run(['start', '--once', '--dir', directory.path])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/crc32c ([0-9a-f]{8})\n +Read them back: .* crc32c \1, every byte equal\n/)
    expect(existsSync(join(directory.path, 'master/registry.sqlite'))).toBe(true)
    for (const name of ['cluster.key', 'join.token', 'dev.json']) {
      expect(statSync(join(directory.path, name)).mode & 0o777, name).toBe(0o600)
    }
  })
})
