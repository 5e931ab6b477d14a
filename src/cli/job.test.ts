import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, job, MasterDouble, problem, SERVER_IDS, server } from './test-support/master-double.ts'
import { type Run, type RunOptions, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
beforeEach(async () => {
  master = await new MasterDouble().listen()
  master.answers['GET /block/servers'] = [200, { servers: [server(0)], next_cursor: null }]
})
afterEach(() => master.close())

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.split(' '), '--master', master.url], options)

/** The job as it is at each look; the last one from then on. */
const looks = (...answers: readonly Answer[]): void => {
  let next = 0
  master.answers['GET /block/job/job-1'] = () => answers[Math.min(next++, answers.length - 1)]
}
const at = (doneMib: number, more: object = {}): Answer => [
  200,
  job({
    kind: 'replace',
    step: 'resync',
    progress: { done: doneMib * 1024 ** 2, total: 1024 ** 3, unit: 'bytes' },
    ...more,
  }),
]

describe('jobs', () => {
  it('are listed, shown and cancelled', async () => {
    master.answers['GET /block/jobs'] = [
      200,
      {
        jobs: [
          job({ message: 'waits for s2' }),
          job({ id: 'j2', volume: null, volume_name: null, server: SERVER_IDS[0] }),
        ],
        next_cursor: null,
      },
    ]
    expect((await run('job list --state running')).out).toBe(
      'JOB    KIND    OF   STATE    DONE  STEP      MESSAGE\n' +
        'job-1  create  db1  running    0%  allocate  waits for s2\n' +
        'j2     create  s1   running    0%  allocate\n',
    )
    expect(master.asked[0]?.path).toBe('/block/jobs?state=running&limit=500')
    looks([200, job()])
    expect((await run('job get job-1')).out).toMatch(/^progress +0%, 0 of 3 steps$/m)
    master.answers['POST /block/job/job-1/cancel'] = [200, job({ state: 'cancelling' })]
    const cancelled = await run('job cancel job-1')
    expect(cancelled.out).toMatch(/^state +cancelling$/m)
    expect(cancelled.err).toMatch(/It goes on/)
    expect((await run('job get nope')).code).toBe(3)
  })
})

describe('job watch', () => {
  it('draws a bar with rate and time left on a terminal, and takes it away', async () => {
    looks(at(0), at(128), at(512), at(1024, { state: 'succeeded' }))
    const { code, out, err } = await run('job watch job-1', { width: 100 })
    expect(code).toBe(0)
    const drawn = err.split('\r\u001b[K')
    expect(drawn).toEqual([
      '',
      'replace (resync) [..............................] 0% 0B of 1GiB',
      'replace (resync) [####..........................] 12% 128MiB of 1GiB, 256MiB/s, 4 s left',
      'replace (resync) [###############...............] 50% 512MiB of 1GiB, 512MiB/s, 1 s left',
      'replace (resync) [##############################] 100% 1GiB of 1GiB',
      '',
    ])
    for (const line of drawn) expect(line.length).toBeLessThan(100)
    expect(out).toMatch(/^state +succeeded$/m)
  })

  it('prints a line for what has changed where there is no terminal', async () => {
    looks(at(0), at(1), at(2), at(300), at(301, { message: 's3 is away' }), at(1024, { state: 'succeeded' }))
    const { err } = await run('job watch job-1')
    expect(err.trim().split('\n')).toEqual([
      'replace (resync): 0% 0B of 1GiB',
      'replace (resync): 29% 300MiB of 1GiB, 200MiB/s, 4 s left',
      'replace (resync): 29% 301MiB of 1GiB, 150.5MiB/s, 5 s left; s3 is away',
      'replace (resync): 100% 1GiB of 1GiB',
    ])
  })

  it('prints JSON lines, one for each change', async () => {
    looks(at(0), at(0), at(5), at(1024, { state: 'succeeded' }))
    const { out, err } = await run('job watch job-1 --json')
    const states = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { state: string }).state)
    expect(states).toEqual(['running', 'running', 'succeeded'])
    expect(err).toBe('')
  })

  it.each([
    ['failed', 'basalt: the job job-1 (create) failed: s2 broke\n'],
    ['cancelled', 'basalt: the job job-1 (create) cancelled: s2 broke\n'],
  ])('is exit code 1 for a job that %s', async (state, sentence) => {
    looks([200, job({ state, message: 's2 broke' })])
    expect(await run('job watch job-1')).toMatchObject({ code: 1, err: sentence })
  })

  it('waits for a master that restarts', async () => {
    const away = problem(503, 'CLOSED', 'the master is stopping')
    looks(at(0), away, away, away, at(1024, { state: 'succeeded' }))
    const { code, err } = await run('job watch job-1')
    expect(code).toBe(0)
    expect(err.match(/the master does not answer/g)).toHaveLength(1)
  })

  it('gives up on a master that stays away, and says that the job does not', async () => {
    looks(at(0), problem(503, 'CLOSED', 'the master is stopping'))
    let pauses = 0
    const { code, err } = await run('job watch job-1', { onPause: (count) => (pauses = count) })
    expect(code).toBe(5)
    expect(err).toMatch(/the job job-1 goes on when the master is back/)
    expect(pauses).toBe(241)
  })

  it('ends at once when the job is gone or may not be seen', async () => {
    looks(at(0), problem(403, 'ACCESS_DENIED', 'a viewer may not do this'))
    expect(await run('job watch job-1')).toMatchObject({
      code: 6,
      err: expect.stringMatching(/a token of a role that may/),
    })
  })

  it('stops looking on Ctrl-C even while the master does not answer', async () => {
    let asked = 0
    const interrupts: (() => void)[] = []
    master.answers['GET /block/job/job-1'] = () => {
      if (asked++ === 0) return at(0)
      for (const interrupt of interrupts) interrupt()
      return undefined
    }
    const { code, err } = await run('job watch job-1', {
      onPause: (_, interrupt) => interrupts.push(interrupt),
    })
    expect(code).toBe(1)
    expect(err).toMatch(/no longer waiting; the job goes on/)
  })
})
