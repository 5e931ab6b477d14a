/**
 * A driver that is killed after any effect of any call: the next one, over the same state folder and host, is given the same
 * call, or the opposite one, and at the end nothing is left over.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { type CallName, Died, MIB, VOLUME, type Wish, type World, world } from './test-support.ts'

const SEQUENCE: readonly CallName[] = ['stage', 'publish', 'expand', 'unpublish', 'unstage']
/** What an orchestrator that changed its mind does after a call without an answer, until nothing is left. */
const GIVING_UP: Readonly<Record<CallName, readonly CallName[]>> = {
  stage: ['unstage'],
  publish: ['unpublish', 'unstage'],
  expand: ['unpublish', 'unstage'],
  unpublish: ['publish', 'unpublish', 'unstage'],
  unstage: ['stage', 'publish', 'expand', 'unpublish', 'unstage'],
}

const WISHES: readonly (readonly [string, Wish])[] = [
  ['ext4 over iSCSI', { transport: 'iscsi' }],
  ['ext4 over iSCSI with several paths', { transport: 'iscsi', multipath: true }],
  ['xfs over NVMe/TCP', { transport: 'nvme', fsType: 'xfs' }],
  ['a raw block device over iSCSI', { transport: 'iscsi', kind: 'block' }],
  ['a raw block device over NVMe/TCP', { transport: 'nvme', kind: 'block' }],
]

const worlds: World[] = []
afterEach(() => {
  for (const one of worlds.splice(0)) one[Symbol.dispose]()
})

/** All calls before `call` succeeded; then a driver that may do `effects` things is given it. False: it lived. */
async function diesIn(wish: Wish, call: CallName, effects: number): Promise<World | undefined> {
  const made = world(wish)
  worlds.push(made)
  const driver = await made.driver()
  for (const before of SEQUENCE.slice(0, SEQUENCE.indexOf(call))) await driver[before]()
  const mortal = await made.mortal(effects)
  try {
    await mortal[call]()
  } catch (error) {
    if (!(error instanceof Died) && !mortal.died()) throw error
  }
  return mortal.died() ? made : undefined
}

async function run(made: World, calls: readonly CallName[]): Promise<void> {
  for (const call of calls) {
    // each by a driver that knows nothing of the one before
    const driver = await made.driver()
    await driver[call]()
  }
}

describe.each(WISHES)('%s', (_name, wish) => {
  it.each(SEQUENCE)('%s: killed after each of its effects', async (call) => {
    let deaths = 0
    for (let effects = 0; ; effects++) {
      const again = await diesIn(wish, call, effects)
      const undone = await diesIn(wish, call, effects)
      if (again === undefined || undone === undefined) break
      deaths++
      const rest = SEQUENCE.slice(SEQUENCE.indexOf(call))
      // the same call, twice, and the rest of the volume's life here
      await run(again, [call, ...rest])
      expect(again.leftovers(), `${call} after ${effects} effects, again`).toEqual([])
      await run(undone, GIVING_UP[call])
      expect(undone.leftovers(), `${call} after ${effects} effects, undone`).toEqual([])
    }
    expect(deaths).toBeGreaterThan(0)
  })
})

it('a file system is made once, whatever dies', async () => {
  for (let effects = 0; ; effects++) {
    const made = await diesIn({ transport: 'iscsi' }, 'stage', effects)
    if (made === undefined) break
    await run(made, ['stage', 'publish', 'unpublish', 'unstage', 'stage'])
    expect(made.host.calls.filter((one) => one.startsWith('format')).length, `${effects} effects`).toBe(1)
  }
})

it('a making that died half-way is begun anew, by the node that began it only', async () => {
  const remains = [
    { kind: 'filesystem', type: 'xfs', uuid: VOLUME, isUnfinished: true },
    { kind: 'unknown', what: 'bytes at its beginning', startsWithZeros: true },
  ] as const
  for (const content of remains) {
    // effects of a stage over NVMe: record, two connections, the mark that a file system is being made
    const made = await diesIn({ transport: 'nvme', fsType: 'xfs' }, 'stage', 4)
    const disk = made?.host.disks.get(VOLUME)
    if (made === undefined || disk === undefined) throw new Error('it did not die')
    expect(made.host.calls.filter((one) => one.startsWith('format'))).toEqual([])
    disk.content = content
    await run(made, ['stage'])
    expect(disk.content).toMatchObject({ kind: 'filesystem', isUnfinished: false })
    await run(made, ['unstage'])

    disk.content = content
    await expect(run(made, ['stage'])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' })
    expect(disk.content).toEqual(content)
    await run(made, ['unstage'])
    expect(made.leftovers()).toEqual([])
  }
})

it('after a restart of the machine staging goes through everything again, and formats nothing', async () => {
  const made = world({ transport: 'iscsi', host: { volumeBytes: () => Promise.resolve(128 * MIB) } })
  worlds.push(made)
  await run(made, ['stage', 'publish'])
  made.host.reboot()
  const driver = await made.driver()
  await expect(driver.publish()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' })
  made.host.calls.length = 0
  await run(made, ['stage', 'publish'])
  expect(made.host.calls.filter((one) => /^(iscsiLogin|check|mount|bind)/.test(one)).length).toBe(4)
  expect(made.host.calls.some((one) => one.startsWith('format'))).toBe(false)
  await run(made, ['unpublish', 'unstage'])
  expect(made.leftovers()).toEqual([])
})
