import { describe, expect, it } from 'vitest'
import { GIB, MIB } from '../../base/units.ts'
import {
  advance,
  begin,
  beginExit,
  nextStep,
  overwriteStepBytes,
  progressOf,
  type SanitizeOperation,
  type SanitizeRequest,
} from './operation.ts'

const request = (fields: Partial<SanitizeRequest> = {}): SanitizeRequest => ({
  method: 'overwrite',
  unrestricted: false,
  passes: 1,
  invert: false,
  pattern: Uint8Array.of(0x11, 0x22, 0x33),
  ...fields,
})

/** Every step of an operation on a volume of `sizeBytes`: pass, offset, length, first bytes of the pattern. */
function stepsOf(asked: SanitizeRequest, sizeBytes: number): string[] {
  const steps: string[] = []
  for (let operation: SanitizeOperation = begin(asked); ; ) {
    const step = nextStep(operation, { sizeBytes, logicalBlockBytes: 512, overwriteStepBytes: MIB })
    if (step === undefined) return steps
    const pattern =
      step.pattern === undefined ? '-' : Buffer.from(step.pattern.subarray(0, 4)).toString('hex')
    steps.push(`${operation.passesDone} ${step.offsetBytes / MIB}+${step.lengthBytes / MIB} ${pattern}`)
    operation = advance(operation, step, sizeBytes)
  }
}

describe('the steps of an operation', () => {
  it('cover the whole volume in each pass, the pattern repeated from the beginning of each block', () => {
    expect(stepsOf(request({ passes: 2 }), 2.5 * MIB)).toEqual([
      ...['0 0+1 11223311', '0 1+1 11223311', '0 2+0.5 11223311'],
      ...['1 0+1 11223311', '1 1+1 11223311', '1 2+0.5 11223311'],
    ])
    const whole = nextStep(begin(request()), {
      sizeBytes: MIB,
      logicalBlockBytes: 512,
      overwriteStepBytes: MIB,
    })
    expect(whole?.pattern?.byteLength).toBe(512)
  })

  it.each([
    [1, ['11223311']],
    [2, ['eeddccee', '11223311']],
    [3, ['11223311', 'eeddccee', '11223311']],
  ])('with INVERT alternate so that the last of %d has the pattern as given', (passes, patterns) => {
    const steps = stepsOf(request({ passes, invert: true }), MIB)
    expect(steps.map((step) => step.split(' ').at(-1))).toEqual(patterns)
  })

  it('of a block erase, and of an exit from a failure, deallocate', () => {
    const erase = request({ method: 'block-erase', pattern: new Uint8Array(0) })
    expect(stepsOf(erase, 3 * MIB)).toEqual(['0 0+3 -'])
    expect(stepsOf(erase, 65 * GIB)).toEqual(['0 0+65536 -', '0 65536+1024 -'])
    expect(stepsOf(beginExit(), 3 * MIB)).toEqual(['0 0+3 -'])
  })
})

it('progress counts passes, and is below the whole until the end', () => {
  const two = begin(request({ passes: 2 }))
  expect(progressOf(two, 4 * MIB)).toBe(0)
  expect(progressOf({ ...two, doneBytes: MIB }, 4 * MIB)).toBe(8192)
  expect(progressOf({ ...two, passesDone: 1, doneBytes: 2 * MIB }, 4 * MIB)).toBe(49152)
  expect(progressOf({ ...two, passesDone: 2 }, 4 * MIB)).toBe(65535)
})

it('a step takes an eighth of a second, in whole blocks, and never more than 16 MiB', () => {
  expect([1, 64 * 1024, 128 * MIB, GIB].map(overwriteStepBytes)).toEqual([4096, 8192, 16 * MIB, 16 * MIB])
})
