import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import { PinoLogger } from './logger.ts'

function collect(): { lines: Record<string, unknown>[]; stream: { write(line: string): void } } {
  const lines: Record<string, unknown>[] = []
  return { lines, stream: { write: (line) => lines.push(JSON.parse(line)) } }
}

describe('PinoLogger', () => {
  it('writes one object a line: level, time, pid, event, facts', () => {
    const { lines, stream } = collect()
    const logger = new PinoLogger({ level: 'debug', stream })
    logger.debug('a.started')
    logger.info('volume.opened', { volumeId: 'v1', lsn: 7, epochId: 2n ** 63n, gone: undefined })
    expect(lines[0]).toMatchObject({ level: 'debug', pid: process.pid, event: 'a.started' })
    expect(lines[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const facts = { volumeId: 'v1', lsn: 7, epochId: '9223372036854775808' }
    expect(lines[1]).toMatchObject({ level: 'info', event: 'volume.opened', ...facts })
  })

  it('writes an error with its code, its facts and its cause', () => {
    const { lines, stream } = collect()
    const logger = new PinoLogger({ level: 'info', stream })
    const cause = Object.assign(new Error('write failed'), { code: 'EIO' })
    logger.error('log.poisoned', { lsn: 9 }, new BlockError('DISK', 'no', { facts: { path: '/x' }, cause }))
    logger.warn('peer.lost', undefined, new Error('gone'))
    logger.warn('peer.slow')
    expect(lines[0]).toMatchObject({
      level: 'error',
      lsn: 9,
      err: {
        code: 'DISK',
        message: 'no',
        facts: { path: '/x' },
        cause: { message: 'write failed', code: 'EIO' },
      },
    })
    expect(lines[1]).toMatchObject({ level: 'warn', event: 'peer.lost', err: { message: 'gone' } })
    expect(lines[2]).not.toHaveProperty('err')
  })

  it('follows its level, also when it changes', () => {
    const { lines, stream } = collect()
    const logger = new PinoLogger({ level: 'warn', stream })
    logger.info('a.hidden')
    logger.setLevel('info')
    logger.info('a.shown')
    logger.setLevel('error')
    logger.warn('a.hidden')
    expect(lines.map((line) => line.event)).toEqual(['a.shown'])
  })

  it('writes to stderr, and everything before the process ends', () => {
    const script = `import { PinoLogger } from ${JSON.stringify(join(import.meta.dirname, 'logger.ts'))}
      const logger = new PinoLogger({ level: 'info' })
      for (let i = 0; i < 1000; i++) logger.info('a.happened', { i })
      process.exit(3)`
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        encoding: 'utf8',
      },
    )
    expect(status).toBe(3)
    expect(stdout).toBe('')
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map((line) => line.i)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })
})
