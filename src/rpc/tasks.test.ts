import { describe, expect, it } from 'vitest'
import { isBlockError } from '../base/errors.ts'
import { type TaskSpec, taskResultOf, taskResultText, taskSpecOf, taskSpecText } from './tasks.ts'

const UUID = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const s3: Extract<TaskSpec, { kind: 'checkRepository' }>['repository'] = {
  ...{ kind: 's3', endpoint: null, region: 'us-east-1', bucket: 'b', prefix: '', accessKeyId: 'k' },
  ...{ secretAccessKey: 'very-secret', sessionToken: null, forcePathStyle: true },
  encryption: { keyHex: 'ab'.repeat(32) },
}
const SPECS: readonly TaskSpec[] = [
  { kind: 'hydrate', origin: { address: 'h:1', ticket: 't' } },
  { kind: 'backup', repository: s3, snapshot: '00000000000000a1', name: 'v', full: false },
  { kind: 'restoreBackup', repository: { kind: 'directory', path: '/b', encryption: null }, backup: 'b-1' },
  { kind: 'verifyBackup', repository: s3, backup: 'b-1' },
  { kind: 'listBackups', repository: s3, volume: UUID, backup: null, after: null, limit: 200 },
  { kind: 'pruneBackups', repository: s3, volume: null, keep: { last: 1, monthly: 12 }, dryRun: true },
  { kind: 'deleteBackup', repository: s3, backup: 'b-1' },
  { kind: 'checkRepository', repository: s3 },
  { kind: 'scrub', repair: true },
]

const errorOf = (work: () => unknown): { code: string; message: string } => {
  try {
    work()
  } catch (error) {
    if (isBlockError(error)) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 'none', message: '' }
}

describe('the specification of a task', () => {
  it.each(SPECS)('passes as it is: $kind', (spec) => {
    expect(taskSpecOf(taskSpecText(spec))).toEqual(spec)
  })

  it.each([
    ['', {}],
    ['a field too many', { ...SPECS[8], more: 1 }],
    ['a kind that is not known', { kind: 'format' }],
    ['a snapshot that is none', { ...SPECS[1], snapshot: '7' }],
    ['a backup with a path for a name', { ...SPECS[3], backup: '../../x' }],
    ['a key that is short', { ...SPECS[7], repository: { ...s3, encryption: { keyHex: 'ab' } } }],
  ])('with %s is refused, and no secret is told', (_, spec) => {
    const { code, message } = errorOf(() => taskSpecOf(JSON.stringify(spec)))
    expect(code).toBe('PROTOCOL')
    expect(message).not.toContain('secret')
  })

  it('that is no JSON, or too long, is refused without being quoted', () => {
    expect(errorOf(() => taskSpecOf('very-secret{'))).toEqual({
      code: 'PROTOCOL',
      message: 'spec: it is no JSON',
    })
    expect(errorOf(() => taskSpecOf(' '.repeat(300_000))).code).toBe('PROTOCOL')
  })
})

describe('the result of a task', () => {
  it('passes as it is, and only as one of its kind', () => {
    const text = taskResultText('verifyBackup', { verifiedBytes: 2 ** 40, objects: 3 })
    expect(taskResultOf('verifyBackup', text)).toEqual({ verifiedBytes: 2 ** 40, objects: 3 })
    expect(errorOf(() => taskResultOf('deleteBackup', text)).code).toBe('PROTOCOL')
    expect(errorOf(() => taskResultOf('hydrate', null)).code).toBe('PROTOCOL')
    expect(errorOf(() => taskResultText('deleteBackup', { freedBytes: -1 })).code).toBe('INVALID_ARGUMENT')
  })
})
