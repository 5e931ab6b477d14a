/** 200 random clusters; more by `npm run sim`. The workers are processes of their own: a test's threads would share a heap. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { runClusterSeed } from './cluster-sim.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

it('holds in 200 random clusters, with every fault', { timeout: 900_000 }, async () => {
  const child = spawn(process.execPath, [MAIN, '--seeds', '200', '--workers', '2'])
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect(output).toMatch(/\b0 failed\n$/)
  expect(code).toBe(0)
})

it('replays a seed exactly', async () => {
  const first = await runClusterSeed(11, { operations: 60 })
  const again = await runClusterSeed(11, { operations: 60 })
  expect(first.violation).toBeUndefined()
  expect(again.traceHash).toBe(first.traceHash)
  expect(again.virtualMs).toBe(first.virtualMs)
})
