/** `basalt volume unpublish` and `basalt volume preset` against a master whose answers the test chooses. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { job, MasterDouble, problem, volume } from './test-support/master-double.ts'
import { type Run, run as runCli } from './test-support/run-cli.ts'

let master: MasterDouble
beforeEach(async () => {
  master = await new MasterDouble().listen()
})
afterEach(() => master.close())

const run = (args: string): Promise<Run> => runCli([...args.split(' '), '--master', master.url])

const PUBLICATION = {
  ...{ node: 'n1', initiator: 'iqn.2026-11.io.basalt:node:n1', host: null, dhchap: null },
  ...{ read_only: true, shared: false, since: '2026-11-22T00:00:00.000Z' },
}
const published = volume({ id: 'u-1', publications: [PUBLICATION] })

describe('volume unpublish', () => {
  it('shuts the node out, and shows the volume without it', async () => {
    master.answers['GET /block/volume/db1'] = [200, published]
    master.answers['GET /block/volume/u-1'] = [200, volume({ id: 'u-1' })]
    master.answers['DELETE /block/volume/u-1/publications/n1'] = [204, undefined]
    expect((await run('volume get db1')).out).toMatch(/^published to +n1, read-only, since .*node:n1$/m)
    const { code, out } = await run('volume unpublish db1 n1 --yes')
    expect(code).toBe(0)
    expect(out).not.toContain('published to')
    expect(master.asked.map(({ method }) => method)).toContain('DELETE')
  })

  it('asks first, knows who has it, and passes on that it is not certain', async () => {
    master.answers['GET /block/volume/db1'] = [200, published]
    expect(await run('volume unpublish db1 n1')).toMatchObject({ err: expect.stringContaining('--yes') })
    expect((await run('volume unpublish db1 n2 --yes')).err).toMatch(/not published to 'n2', but to n1/)
    expect(master.asked.every(({ method }) => method === 'GET')).toBe(true)
    const busy = problem(503, 'BUSY', 's1 did not confirm it yet', { reason: 'not_confirmed' })
    master.answers['DELETE /block/volume/u-1/publications/n1'] = busy
    expect((await run('volume unpublish db1 n1 --yes')).err).toContain('did not confirm')
  })
})

describe('volume preset', () => {
  it('says what stays, and shows the volume when nothing differs', async () => {
    const warnings = [{ code: 'log_size_stays', message: 'the log stays at 64MiB' }]
    master.answers['PUT /block/volume/db1/policy'] = [200, { ...volume(), job: null, warnings }]
    const { code, err } = await run('volume preset db1 throughput')
    expect([code, err]).toEqual([0, 'the log stays at 64MiB\n'])
    expect(master.last?.body).toEqual({ preset: 'throughput' })
  })

  it('waits for its job, or not', async () => {
    const { id } = job()
    master.answers['PUT /block/volume/db1/policy'] = [
      202,
      { ...volume({ id: 'u-1' }), job: id, warnings: [] },
    ]
    master.answers['GET /block/volume/u-1'] = [
      200,
      volume({ id: 'u-1', preset: 'database', replica_factor: 3 }),
    ]
    master.answers[`GET /block/job/${id}`] = [200, job({ state: 'succeeded' })]
    expect((await run('volume preset db1 database')).out).toMatch(/^policy +database: 3 replicas/m)
    expect((await run('volume preset db1 database --no-wait')).err).toContain(`basalt job watch ${id}`)
  })
})
