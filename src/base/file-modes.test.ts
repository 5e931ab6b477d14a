import { describe, expect, it } from 'vitest'
import { isReadableByOthers } from './file-modes.ts'

const ROOT = 0
const DAEMON = 1000

describe('a secret', () => {
  it.each([
    [0o600, DAEMON, DAEMON, false],
    [0o400, ROOT, ROOT, false],
    [0o640, DAEMON, DAEMON, true],
    [0o640, ROOT, ROOT, true],
    [0o644, ROOT, DAEMON, true],
    [0o604, DAEMON, DAEMON, true],
    // root gave it to the group of a daemon that is not root
    [0o640, ROOT, DAEMON, false],
    [0o440, ROOT, DAEMON, false],
    [0o444, ROOT, DAEMON, true],
    // somebody else's file, in a group of both
    [0o640, 1001, DAEMON, true],
  ])('of mode %o, owned by %i, read by %i: open to others is %s', (mode, uid, reader, expected) => {
    expect(isReadableByOthers({ mode: 0o100000 | mode, uid }, reader)).toBe(expected)
  })
})
