import { expect, it } from 'vitest'
import { pathIn } from './mounts.ts'

it('finds files below a mount and nowhere else', () => {
  expect(pathIn({ path: '/run/mnt/db1' }, 'a/b')).toBe('/run/mnt/db1/a/b')
  expect(pathIn({ path: '/run/mnt/db1' }, '/a//b')).toBe('/run/mnt/db1/a/b')
  for (const bad of ['', '/', '..', 'a/../../etc'])
    expect(() => pathIn({ path: '/mnt' }, bad)).toThrow('not a path')
})
