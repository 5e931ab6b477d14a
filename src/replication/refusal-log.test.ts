import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { silentLogger } from '../base/log.ts'
import { RefusalLog } from './refusal-log.ts'

describe('RefusalLog', () => {
  const lines: unknown[] = []
  const logger = { ...silentLogger, warn: (_: string, facts: unknown) => void lines.push(facts) }
  const clock = new ManualClock()

  it('says a reason once for each host, and again later with how often it came', () => {
    const log = new RefusalLog(logger, clock)
    for (let port = 1; port <= 100; port++) log.refused(`192.0.2.1:${port}`, 'notAuthentic', 'keys differ')
    log.refused('192.0.2.1:7', 'wrongCluster', 'another cluster')
    log.refused('192.0.2.2:7', 'notAuthentic', 'keys differ')
    expect(lines).toHaveLength(3)
    clock.advance(600_000)
    log.refused('192.0.2.1:200', 'notAuthentic', 'keys differ')
    expect(lines[3]).toMatchObject({ address: '192.0.2.1:200', before: 99 })
  })
})
