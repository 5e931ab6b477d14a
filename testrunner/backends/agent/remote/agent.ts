/**
 * Works on a machine for a runner elsewhere: runs programs, moves files. Everything it started dies when the runner's end of
 * the stream is closed, or nothing was heard from it for a while. What must be done even when this process is killed
 * is done by `launch.sh`, which waits for its end.
 *
 *     node agent.ts FOLDER MARK SUDO [HOST PORT TOKEN-FILE]     SUDO: 1 when `sudo -n` makes root
 *
 * Without an address the stream is its standard input and output.
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { connect } from 'node:net'
import os from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { freePorts, get, put, remove, which } from './files.ts'
import * as frames from './frames.ts'
import { Programs, Refused } from './programs.ts'

const { KIND } = frames
const SILENCE_MS = 60_000
const ADMIN_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']

const [folder = '', mark = '', sudo = '0', host, port, tokenFile] = process.argv.slice(2)
// shells that nobody logs in to have no folders for administrators
process.env.PATH = [...new Set([...(process.env.PATH ?? '').split(':'), ...ADMIN_FOLDERS])].join(':')

const socket = host === undefined ? null : connect(Number(port), host)
const input: Readable = socket ?? process.stdin
const output: Writable = socket ?? process.stdout
const undo = new Map<string, string>()
let timer: NodeJS.Timeout | undefined

const send = (frame: frames.Frame): void => {
  for (const part of frames.encodeFrame(frame)) output.write(part)
}
const hasSudo = sudo === '1' && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
const programs = new Programs({ directory: dirname(folder), mark, hasSudo, send })

function end(): never {
  programs.killAll()
  process.exit(0)
}

function heard(): void {
  clearTimeout(timer)
  timer = setTimeout(end, SILENCE_MS)
}

async function answer(channel: number, payload: Buffer): Promise<void> {
  const { json, bytes } = frames.decodeMessage<frames.Call>(payload)
  let reply: { json: unknown; bytes?: Uint8Array }
  try {
    reply = await perform(channel, json, bytes)
  } catch (error) {
    reply = { json: { error: refusal(error) } }
  }
  send({ kind: KIND.answer, channel, payload: frames.encodeMessage(reply.json, reply.bytes) })
}

function refusal(error: unknown): frames.Refusal['error'] {
  if (error instanceof Refused) return { code: error.code, message: error.message }
  const { code, message } = error as NodeJS.ErrnoException
  return { code: code === 'ENOENT' ? 'NOT_FOUND' : 'DISK', message }
}

async function perform(
  channel: number,
  call: frames.Call,
  bytes: Buffer,
): Promise<{ json: unknown; bytes?: Uint8Array }> {
  const done = { json: {} }
  switch (call.method) {
    case 'facts':
      return { json: facts() }
    case 'start':
      return { json: await programs.start(channel, call) }
    case 'signal':
      programs.signal(call.program, call.name)
      return done
    case 'put':
      put(call.path, bytes, call.mode)
      return done
    case 'get':
      return { json: {}, bytes: get(call.path, Math.min(call.bytesMax, frames.FILE_BYTES_MAX)) }
    case 'remove':
      remove(call.path)
      return done
    case 'ports':
      return { json: { ports: await freePorts(call.count, call.without) } }
    case 'undo':
      if (call.command === '') undo.delete(call.key)
      else undo.set(call.key, call.command)
      put(join(folder, 'undo'), Buffer.from([...undo.values(), ''].join('\n')), 0o600)
      return done
    case 'close':
      put(join(folder, call.keepFiles ? 'keep' : 'remove'), Buffer.alloc(0), 0o600)
      programs.killAll()
      return done
  }
}

function facts(): frames.AgentFacts {
  const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return {
    kernel: os.release(),
    node: process.versions.node,
    isRoot: process.getuid?.() === 0,
    mayBeRoot: programs.mayBeRoot,
    tools: frames.TOOLS.filter((tool) => which(tool) !== undefined),
    networkStack: `${boot}/${fs.readlinkSync('/proc/self/ns/net')}`,
  }
}

function take(frame: frames.Frame): void {
  switch (frame.kind) {
    case KIND.call:
      void answer(frame.channel, frame.payload)
      return
    case KIND.stdin:
      programs.stdin(frame.channel, frame.payload)
      return
    case KIND.end:
      programs.endStdin(frame.channel)
      return
    case KIND.taken:
      programs.taken(frame.channel, frame.payload.readUInt32BE(0))
      return
    case KIND.beat:
    case KIND.answer:
    case KIND.stdout:
    case KIND.stderr:
    case KIND.exited:
      return
  }
}

const reader = new frames.FrameReader()
for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(name, end)
input.on('data', (chunk: Buffer) => {
  heard()
  for (const frame of reader.push(chunk)) take(frame)
})
for (const stream of [input, output]) stream.on('end', end).on('error', end).on('close', end)
if (tokenFile !== undefined) output.write(fs.readFileSync(tokenFile))
heard()
