import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type FioJob, fioCommand } from './fio-job.ts'
import { parseFio } from './fio-output.ts'

const recorded = (name: string): string =>
  readFileSync(new URL(`./recorded/${name}.json`, import.meta.url), 'utf8')

describe('what fio 3.33 printed', () => {
  it('gives rates and latencies of reads and writes', () => {
    expect(parseFio(recorded('mixed'))).toEqual({
      error: 0,
      read: { operations: 8584, iops: 8567, bytes_per_second: 35_089_884, p50_us: 160.768, p99_us: 2506.752 },
      write: expect.objectContaining({ operations: expect.any(Number), p99_us: expect.any(Number) }),
    })
  })

  it('has nothing of writes when it only read', () => {
    expect(parseFio(recorded('verified'))).toMatchObject({ error: 0, write: null, read: { operations: 256 } })
  })

  it('names a verification that failed by its error', () => {
    expect(parseFio(recorded('mismatch')).error).toBe(84)
  })

  it('is understood behind lines that fio writes before it', () => {
    expect(parseFio(`fio: pid=1, err=84/file:io_u.c\n${recorded('mismatch')}`).error).toBe(84)
  })

  it.each(['', 'fio: no such file', '{"jobs":[]}', '{"jobs":['])('is refused when it is %j', (text) => {
    expect(() => parseFio(text)).toThrow('not understood')
  })
})

describe('the command of a job', () => {
  const job: FioJob = {
    ...{ path: '/dev/sdb', load: 'randwrite', blockBytes: 4096, depth: 16, jobs: 1 },
    ...{ runMs: null, sizeBytes: null, readPercent: 0, fsyncEvery: 0, verify: null },
  }

  it('goes past the page cache to the device', () => {
    expect(fioCommand(job)).toEqual(
      expect.arrayContaining(['--filename=/dev/sdb', '--direct=1', '--bs=4096']),
    )
  })

  it('checks what another fio wrote with the same seed', () => {
    const write = fioCommand({ ...job, verify: 'write' })
    const check = fioCommand({ ...job, verify: 'check' })
    expect(write).toContain('--do_verify=0')
    expect(check).toContain('--verify_only')
    expect(check.filter((one) => one !== '--verify_only')).toEqual(
      write.filter((one) => one !== '--do_verify=0'),
    )
  })

  it('runs for a time only when it is told', () => {
    expect(fioCommand(job).some((one) => one.startsWith('--runtime'))).toBe(false)
    expect(fioCommand({ ...job, runMs: 1500 })).toEqual(
      expect.arrayContaining(['--time_based', '--runtime=1500ms']),
    )
  })
})
