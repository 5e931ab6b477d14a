import { describe, expect, it } from 'vitest'
import { parseNvmeUrl } from './url.ts'

const NQN = 'nqn.2026-11.io.basalt:vol'

describe('an NVMe URL', () => {
  it.each([
    [`nvme://10.0.0.1:4421/${NQN}`, '10.0.0.1', 4421],
    [`nvme://host/${NQN}`, 'host', 4420],
    [`nvme://[::1]:4420/${NQN}/`, '::1', 4420],
  ])('%s', (url, host, port) => {
    expect(parseNvmeUrl(url)).toEqual({ portal: { host, port }, subsystemNqn: NQN })
  })

  it.each([
    'nvme://host',
    'nvme://host/vol',
    'iscsi://host/nqn.2026-11.x',
    `nvme://host/nqn.${'x'.repeat(220)}`,
  ])('is not %s', (url) => {
    expect(() => parseNvmeUrl(url)).toThrow('an NVMe URL is nvme://HOST[:PORT]/NQN')
  })
})
