/** This computer as a machine, for tests of what runs on one. It has no product. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Machine, Program, Ran } from '../../backends/backend.ts'

/** `bin`: a folder that goes before PATH. */
export function testMachine(directory: string, bin = join(directory, 'bin')): Machine {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const path = (...parts: readonly string[]): string => join(directory, ...parts)
  return {
    name: 'h1',
    address: '127.0.0.1',
    basalt: [],
    node: [process.execPath],
    path,
    ports: () => Promise.resolve([]),
    spawn: ([tool = '', ...args]) => {
      const child = spawn(tool, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
      let words = ''
      child.stderr.on('data', (chunk) => {
        words += String(chunk)
      })
      const program: Program = {
        stdin: child.stdin,
        stdout: child.stdout,
        exited: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal }))),
        stderrTail: () => words,
        signal: (name) => {
          child.kill(name)
          return Promise.resolve()
        },
      }
      return Promise.resolve(program)
    },
    run: ([tool = '', ...args], { timeoutMs } = {}) =>
      new Promise<Ran>((resolve, reject) => {
        const child = spawn(tool, args, { env, ...(timeoutMs !== undefined && { timeout: timeoutMs }) })
        let [stdout, stderr] = ['', '']
        child.stdout.on('data', (chunk) => {
          stdout += String(chunk)
        })
        child.stderr.on('data', (chunk) => {
          stderr += String(chunk)
        })
        child.on('error', reject)
        child.on('close', (code, signal) =>
          resolve({ code, signal, stdout, stderr, isTimedOut: code === null }),
        )
      }),
    putFile: (to, content) => {
      mkdirSync(dirname(to), { recursive: true })
      writeFileSync(to, content)
      return Promise.resolve()
    },
    getFile: (from) => Promise.resolve(readFileSync(from)),
    remove: (what) => {
      rmSync(what, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}
