import type { CaseContext, KernelCase } from '../fixture/case.ts'

export const CHAP_USER = 'alice'
export const CHAP_SECRET = 'kernel-test-16b'

/** Writes the configuration of a volume that demands CHAP; returns its path. */
export const chapConfig = (context: CaseContext): string =>
  context.file('basalt.yaml', `chap:\n  user: ${CHAP_USER}\n  secret: ${CHAP_SECRET}\n`)

export const chap: KernelCase = {
  name: 'chap',
  summary: 'CHAP right, wrong, unknown user and none at all',
  limitSeconds: 180,
  async run(context) {
    const target = await context.target({ volume: 'chap', size: '64MiB', configFile: chapConfig(context) })
    await context.guest({ script: 'chap.sh', target, environment: { CHAP_USER, CHAP_SECRET } })
  },
}
