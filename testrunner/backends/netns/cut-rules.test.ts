import { describe, expect, it } from 'vitest'
import { LinkRules } from '../proxies/link-rules.ts'
import { type CutWorld, cutTable, touched } from './cut-rules.ts'

const world = (isProxied: boolean): CutWorld => ({
  runner: '10.0.0.1',
  addresses: new Map([
    ['m1', '10.0.0.11'],
    ['s1', '10.0.0.12'],
    ['s2', '10.0.0.13'],
  ]),
  portsOf: (machine) => (machine === 's1' ? [101, 102] : machine === 's2' ? [201] : []),
  isProxied,
})

/** The drops of a table, without what is the same in all of them. */
const drops = (machine: string, rules: LinkRules, isProxied = false): string[] =>
  cutTable(machine, rules, world(isProxied))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.endsWith('drop'))

function cutBetween(from: string, to: string, isOneWay = false): LinkRules {
  const rules = new LinkRules()
  rules.cut(from, to, isOneWay)
  return rules
}

describe('the table of a namespace', () => {
  it('drops by address where it arrives, on both sides of a cut', () => {
    const rules = cutBetween('s1', 's2')
    expect(drops('s1', rules)).toEqual(['ip saddr 10.0.0.13 drop'])
    expect(drops('s2', rules)).toEqual(['ip saddr 10.0.0.12 drop'])
    expect(drops('m1', rules)).toEqual([])
  })

  it('drops on one side of a one-way cut', () => {
    const rules = cutBetween('s1', 's2', true)
    expect(drops('s1', rules)).toEqual([])
    expect(drops('s2', rules)).toEqual(['ip saddr 10.0.0.12 drop'])
  })

  it('drops what goes to proxies of the other, and what comes from them', () => {
    const rules = cutBetween('s1', 's2', true)
    expect(drops('s1', rules, true)).toEqual(['ip daddr 10.0.0.1 tcp dport { 201 } drop'])
    expect(drops('s2', rules, true)).toEqual([
      'ip saddr 10.0.0.12 drop',
      'ip saddr 10.0.0.1 tcp sport { 101, 102 } drop',
    ])
  })

  it('keeps hosts from the ports that they were told, and the runner nowhere else', () => {
    const rules = cutBetween('h1', 's1')
    expect(drops('s1', rules)).toEqual([
      'ip saddr 10.0.0.1 tcp dport { 101, 102 } drop',
      'ip daddr 10.0.0.1 tcp sport { 101, 102 } drop',
    ])
    expect(drops('s1', rules, true)).toEqual([])
  })

  it('drops nothing once it is healed', () => {
    const rules = cutBetween('s1', '*')
    rules.heal()
    expect(drops('s1', rules)).toEqual([])
  })

  it('is written again only where a cut may change it', () => {
    const machines = ['m1', 's1', 's2']
    expect(touched('s1', 's2', machines)).toEqual(['s1', 's2'])
    expect(touched('s1', '*', machines)).toEqual(machines)
    expect(touched('h1', 's1', machines)).toEqual(machines)
  })
})
