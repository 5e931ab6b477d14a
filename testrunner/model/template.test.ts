import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BadArgument } from './parameter.ts'
import { parseTemplate, resolveTemplates, templateText, withoutTemplates } from './template.ts'
import type { Value } from './value.ts'

const scope = {
  size: '64MiB',
  writes: 300,
  isBig: true,
  nothing: null,
  leader: { server: 's2', epochs: [1, 2] },
}

describe('resolveTemplates', () => {
  it.each<[Value, Value]>([
    ['plain', 'plain'],
    ['{{ writes }}', 300],
    ['{{isBig}}', true],
    ['{{ leader }}', scope.leader],
    ['{{ leader.server }}', 's2'],
    ['{{ leader.epochs.1 }}', 2],
    ['{{ leader.epochs.length }}', 2],
    ['{{ nothing }}', null],
    ['{{ size }} and {{ writes }}', '64MiB and 300'],
    [' {{ writes }}', ' 300'],
    ['{{ "{{" }} x }}', '{{ x }}'],
    [
      { a: ['{{ writes }}', { b: '{{ size }}' }], '{{ size }}': 1 },
      { a: [300, { b: '64MiB' }], '{{ size }}': 1 },
    ],
  ])('makes of %j', (template, expected) => {
    expect(resolveTemplates(template, scope)).toEqual(expected)
  })

  it.each([
    ['{{ sice }}', /nothing is named 'sice'/],
    ['{{ toString }}', /nothing is named 'toString'/],
    ['{{ leader.sever }}', /'leader' has no 'sever': it has server, epochs/],
    ['{{ leader.epochs.7 }}', /'leader.epochs' has no '7': it is a list of 2/],
    ['{{ size.length }}', /'size' has no 'length'/],
    ['{{ leader.constructor }}', /has no 'constructor'/],
    ['to {{ leader }}', /'leader' is a group of keys/],
    ['to {{ nothing }}', /'nothing' is empty/],
    ['{{ a', /is not a template/],
    ['{{ a b }}', /is not a template/],
    ['{{ a | upper }}', /is not a template/],
    ['{{}}', /is not a template/],
  ])('refuses %s', (template, message) => {
    expect(() => resolveTemplates(template, scope)).toThrow(BadArgument)
    expect(() => resolveTemplates(template, scope)).toThrow(message)
  })

  it('does not read what a value holds as a template', () => {
    expect(resolveTemplates('<{{ x }}>', { x: '{{ y }}' })).toBe('<{{ y }}>')
  })

  it('bounds how far a text grows', () => {
    expect(() => resolveTemplates('{{ x }}{{ x }}', { x: 'a'.repeat(1024 * 1024) })).toThrow(/grows/)
  })

  const texts = fc.string({ unit: fc.constantFrom('{', '}', '"', ' ', 'a', '.', '{{', '}}', '{{ a }}') })
  const values = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.oneof(texts, fc.integer(), fc.boolean(), fc.constant(null)),
      fc.array(tie('value')),
      fc.dictionary(texts, tie('value')),
    ),
  })).value

  it('gives back any value whose templates were taken away', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(resolveTemplates(withoutTemplates(value), {})).toEqual(value)
      }),
    )
  })

  it('writes pieces such that they are read as they were', () => {
    const piece = fc.oneof(
      texts.map((text) => ({ text })),
      fc.constantFrom({ path: ['a'] as [string] }, { path: ['b', '0'] as [string, string] }),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const names = { a: 'A', b: ['B'] }
        const expected = pieces.map((one) => ('text' in one ? one.text : one.path[0].toUpperCase())).join('')
        const text = templateText(pieces, 1_000_000)
        const resolved = resolveTemplates(text, names)
        expect(text === '' ? '' : resolved).toBe(expected)
      }),
    )
  })

  it('ends in BadArgument or a result, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.string()), (text) => {
        try {
          parseTemplate(text)
        } catch (error) {
          expect(error).toBeInstanceOf(BadArgument)
        }
      }),
    )
  })
})
