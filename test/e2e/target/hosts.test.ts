/** What hosts experience of `basalt target`: their data over crashes, who may log in, and how it stops under them. */
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatHostPort, parseHostPort } from '../../../src/base/address.ts'
import { isBlockError } from '../../../src/base/errors.ts'
import type { ChapCredential } from '../../../src/frontend/access.ts'
import { Secret } from '../../../src/frontend/secret.ts'
import type { ReadyLine } from '../../../src/server/target-daemon.ts'
import { HOST_NAME, type Host, initiatorOf, login, patternAt } from './support/host.ts'
import { Link } from './support/link.ts'
import { type BasaltProcess, withBasalt } from './support/process.ts'
import { temporaryDirectory } from './support/volume.ts'

let directory: ReturnType<typeof temporaryDirectory>
let data: string
beforeEach(() => {
  directory = temporaryDirectory()
  data = `${directory.path}/data`
})
afterEach(() => directory.remove())

const target = (...more: string[]): string[] => {
  const addresses = ['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  return ['target', '--data', data, '--volume', 'vol1', '--size', '64MiB', ...addresses, ...more]
}
const BLOCKS = 64

describe('data', () => {
  it('that was flushed is there after kill -9, in the next epoch', async () => {
    await withBasalt(target(), async (child) => {
      const { disk } = await login(await child.ready())
      for (let i = 0; i < 32; i++) await disk.write(i * 1000, BLOCKS, patternAt(i, BLOCKS * 512))
      await disk.flush()
      await disk.write(32_000, BLOCKS, patternAt(32, BLOCKS * 512), { fua: true })
      await disk.unmap([{ lba: 1000, blocks: BLOCKS }])
      await disk.flush()
      await child.kill()
    })
    await withBasalt(target(), async (child) => {
      const ready = await child.ready()
      expect(await child.logged('volume.opened')).toMatchObject({ epoch: 2 })
      const { disk, session } = await login(ready)
      const content = new Uint8Array(BLOCKS * 512)
      for (let i = 0; i <= 32; i++) {
        await disk.read(i * 1000, BLOCKS, content)
        const expected = i === 1 ? new Uint8Array(BLOCKS * 512) : patternAt(i, BLOCKS * 512)
        expect(Buffer.from(content.buffer).equals(expected), `block ${i}`).toBe(true)
      }
      await session.logout()
      expect((await child.stop()).code).toBe(0)
    })
  })

  it('is refused for writing with --read-only, and readable', async () => {
    await withBasalt(target(), async (child) => {
      const { disk, session } = await login(await child.ready())
      await disk.write(0, 8, patternAt(0, 4096))
      await session.logout()
      await child.stop()
    })
    await withBasalt(target('--read-only'), async (child) => {
      const { disk, session } = await login(await child.ready())
      const content = new Uint8Array(4096)
      await disk.read(0, 8, content)
      expect(Buffer.from(content).equals(patternAt(0, 4096))).toBe(true)
      await expect(disk.write(0, 8, content)).rejects.toThrow(/WRITE/)
      await session.logout()
    })
  })
})

describe('who may log in', () => {
  const config = (): string => `${directory.path}/basalt.yaml`
  const configure = (text: string): void => writeFileSync(config(), text, { mode: 0o600 })
  const code = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'no error',
      (error: unknown) => (isBlockError(error) ? error.code : error),
    )

  it('is who knows the secret, both ways, and no secret shows anywhere', async () => {
    configure(
      'chap:\n  user: host1\n  secret: to-the-target!\n  mutual:\n    user: basalt\n    secret: to-the-host-1\n',
    )
    const chap = (secret: string, mutual?: string): ChapCredential => ({
      user: 'host1',
      secret: Secret.fromText(secret),
      ...(mutual === undefined ? {} : { mutual: { user: 'basalt', secret: Secret.fromText(mutual) } }),
    })
    await withBasalt(target('--config', config(), '--log-level', 'debug'), async (child) => {
      const ready = await child.ready()
      expect(await code(login(ready))).toBe('ACCESS_DENIED')
      expect(await code(login(ready, { chap: chap('to-the-targeT!') }))).toBe('ACCESS_DENIED')
      expect(await code(login(ready, { chap: chap('to-the-target!', 'another-secret') }))).toBe(
        'ACCESS_DENIED',
      )
      const { disk, session } = await login(ready, { chap: chap('to-the-target!', 'to-the-host-1') })
      await disk.testUnitReady()
      const answers = await Promise.all(
        ['/status', '/metrics', '/openapi.json'].map(async (path) =>
          (await fetch(`http://${ready.admin}${path}`)).text(),
        ),
      )
      expect(answers[0]).toContain(HOST_NAME)
      await session.logout()
      const { stdout, stderr } = await child.stop()
      expect(answers.join() + stdout + stderr).not.toMatch(/to-the-(?:target!|host-1)/)
    })
  })

  it('is whom the list names; SIGHUP changes it, and ends the sessions of who is off it', async () => {
    const write = (name: string): void => configure(`initiators:\n  - ${name}\n`)
    write(HOST_NAME)
    await withBasalt(target('--config', config()), async (child) => {
      const ready = await child.ready()
      const { iscsi } = ready
      const portal = parseHostPort(iscsi, 'portal')
      const stranger = 'iqn.2026-11.org.example:host2'
      expect(await code(login(ready, { name: stranger }))).toBe('ACCESS_DENIED')
      expect(await initiatorOf({ name: stranger }).discover(portal)).toEqual([])
      expect((await initiatorOf().discover(portal)).map(({ targetName }) => targetName)).toEqual([ready.iqn])
      const { session } = await login(ready)

      write(stranger)
      child.signal('SIGHUP')
      expect(await child.logged('config.reloaded')).toMatchObject({ applied: 'initiators' })
      expect(await session.closed).toMatchObject({ code: 'DISCONNECTED' })
      expect(await code(login(ready))).toBe('ACCESS_DENIED')
      await (await login(ready, { name: stranger })).session.logout()
    })
  })

  it('learns the portal that it is told to use', async () => {
    await withBasalt(target('--iscsi-portal', '192.0.2.7:13260'), async (child) => {
      const { iscsi } = await child.ready()
      const [found] = await initiatorOf().discover(parseHostPort(iscsi, 'portal'))
      expect(found?.portals.map(({ address }) => address)).toEqual([{ host: '192.0.2.7', port: 13260 }])
    })
  })
})

describe('two portals', () => {
  it('are in the ready line, in discovery and in the status, and a host works through both', async () => {
    await withBasalt(target('--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0'), async (child) => {
      const ready = await child.ready()
      expect(ready.portals).toHaveLength(2)
      expect(ready.iscsi).toBe(ready.portals[0])
      const [found] = await initiatorOf().discover(parseHostPort(ready.portals[1]!, 'portal'))
      expect(
        found?.portals.map(({ address, portalGroupTag }) => [formatHostPort(address), portalGroupTag]),
      ).toEqual(ready.portals.map((portal, index) => [portal, index + 1]))
      const hosts = await Promise.all(ready.portals.map((iscsi) => login({ iscsi, iqn: ready.iqn })))
      for (const { disk } of hosts) await disk.testUnitReady()
      await hosts[0]!.disk.write(0, 8, patternAt(1, 4096))
      const content = new Uint8Array(4096)
      await hosts[1]!.disk.read(0, 8, content)
      expect(Buffer.from(content).equals(patternAt(1, 4096))).toBe(true)

      const answer = await fetch(`http://${ready.admin}/status`)
      const { volumes } = (await answer.json()) as { volumes: { iscsi: Record<string, unknown> }[] }
      expect(volumes[0]?.iscsi).toMatchObject({
        portal: ready.portals[0],
        portals: ready.portals.map((address, index) => ({ address, portalGroupTag: index + 1 })),
        sessions: [{ portalGroupTag: 1 }, { portalGroupTag: 2 }],
      })
      for (const { session } of hosts) await session.logout()
    })
  })
})

describe('a stop', () => {
  /** A target that is stopping, and a host that has not heard of it yet. */
  const withHangingHost = (
    body: (parts: { child: BasaltProcess; ready: ReadyLine; host: Host; link: Link }) => Promise<void>,
  ): Promise<void> =>
    withBasalt(target(), async (child) => {
      const ready = await child.ready()
      const link = await Link.open(parseHostPort(ready.iscsi, 'portal'))
      try {
        const host = await login({ iscsi: link.address, iqn: ready.iqn })
        await host.disk.write(0, 8, patternAt(0, 4096))
        link.hang()
        child.signal('SIGTERM')
        await child.logged('target.draining')
        await body({ child, ready, host, link })
      } finally {
        link.close()
      }
    })

  it('is unhealthy and admits nobody until all hosts have logged out as they were asked', async () => {
    await withHangingHost(async ({ child, ready, host, link }) => {
      expect((await fetch(`http://${ready.admin}/healthz`)).status).toBe(503)
      await expect(login(ready)).rejects.toThrow()
      link.resume()
      expect(await host.session.closed).toBeUndefined()
      const { code, stderr } = await child.exited
      expect(code).toBe(0)
      expect(stderr).not.toContain('"signal":"SIGINT"')
    })
  })

  it('does not wait for hosts after a second signal', async () => {
    await withHangingHost(async ({ child, host, link }) => {
      child.signal('SIGINT')
      expect((await child.exited).code).toBe(0)
      link.resume()
      expect(await host.session.closed).toMatchObject({ code: 'DISCONNECTED' })
    })
  })
})

describe('a broken invariant', () => {
  it('ends the process with 1 and a log line, without serving on, and loses nothing that was flushed', async () => {
    const breaks = "process.on('SIGUSR2',()=>{throw new Error('an invariant is broken')})"
    await withBasalt(
      target(),
      async (child) => {
        const { disk, session } = await login(await child.ready())
        await disk.write(0, 8, patternAt(1, 4096), { fua: true })
        child.signal('SIGUSR2')
        const { code, stderr } = await child.exited
        expect(code).toBe(1)
        expect(stderr).toMatch(/"message":"an invariant is broken".*"event":"process\.failed"\}\n$/)
        expect(await session.closed).toMatchObject({ code: 'DISCONNECTED' })
      },
      { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(breaks)}` },
    )
    await withBasalt(target(), async (child) => {
      const { disk, session } = await login(await child.ready())
      const content = new Uint8Array(4096)
      await disk.read(0, 8, content)
      expect(Buffer.from(content).equals(patternAt(1, 4096))).toBe(true)
      await session.logout()
    })
  })
})
