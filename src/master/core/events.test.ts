/** The page of events has the kinds that there are. */
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const JOB_ENDS = ['job.succeeded', 'job.failed', 'job.cancelled']
/** Names of files and of log lines look alike. */
const OTHERS = /\.(?:key|json|yaml|not_recorded|lock_not_recorded)$/

describe('docs/events.md', () => {
  it('lists exactly the kinds of events that are recorded', () => {
    const sources = globSync('src/master/**/*.ts').filter((path) => !path.endsWith('.test.ts'))
    const kinds = sources.flatMap((path) =>
      [
        ...readFileSync(path, 'utf8').matchAll(
          /'((?:volume|replica|server|cluster|job|snapshot|schedule|repository|backup)\.[a-z_]+)'/g,
        ),
      ].map(([, kind = '']) => kind),
    )
    const recorded = [...new Set([...kinds, ...JOB_ENDS])].filter((kind) => !OTHERS.test(kind)).sort()
    const listed = [...readFileSync('docs/events.md', 'utf8').matchAll(/^\| `([a-z._]+)` /gm)].map(
      ([, kind]) => kind,
    )
    expect(listed).toEqual(recorded)
  })
})
