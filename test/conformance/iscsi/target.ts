/** `./basalt target` with a scratch volume for the suite, and the runs that it is put through. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BasaltProcess } from '../../e2e/target/support/process.ts'

export interface Run {
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly isReadOnly: boolean
  /** Tests that it is about. */
  includes(test: string): boolean
}

export const RUNS: readonly Run[] = [
  { name: '512', logicalBlockBytes: 512, isReadOnly: false, includes: () => true },
  { name: '4096', logicalBlockBytes: 4096, isReadOnly: false, includes: () => true },
  {
    name: 'read-only',
    logicalBlockBytes: 512,
    isReadOnly: true,
    includes: (test) => test.startsWith('ReadOnly.'),
  },
]

export interface ServedUnit {
  readonly url: string
  /** Set when the target has ended by itself. */
  readonly ended: { readonly lastWords: string | undefined }
}

const SIZE = '1GiB'

/** Runs `body` with a fresh volume that is served, and takes both away afterwards, whatever happens. */
export async function withTarget(run: Run, body: (unit: ServedUnit) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'basalt-conformance-'))
  const args = [
    ...['target', '--data', directory, '--volume', 'scratch', '--size', SIZE],
    ...['--logical-block', String(run.logicalBlockBytes), '--log-level', 'warn'],
    ...['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    // Sanitize.Reset sleeps for a minute without looking at its connection, and a new one begins with a unit attention
    ...['--ping-timeout', '2m'],
  ]
  let child = new BasaltProcess(args)
  const abandon = (): void => {
    child.signal('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', abandon)
  try {
    let ready = await child.ready()
    if (run.isReadOnly) {
      await child.stop()
      child = new BasaltProcess([...args, '--read-only'])
      ready = await child.ready()
    }
    const ended: { lastWords: string | undefined } = { lastWords: undefined }
    const watched = child.exited.then(({ code, signal, stderr }) => {
      ended.lastWords = `the target ended with ${signal ?? code}: ${stderr.trimEnd().split('\n').at(-1)}`
    })
    await body({ url: `iscsi://${ready.iscsi}/${ready.iqn}/0`, ended })
    await child.stop()
    await watched
  } finally {
    await child.kill()
    process.off('exit', abandon)
    rmSync(directory, { recursive: true, force: true })
  }
}
