import type { CaseContext, KernelCase } from '../fixture/case.ts'

export const CHAP_USER = 'alice'
export const CHAP_SECRET = 'kernel-test-16b'

/** Writes the configuration of a volume that demands CHAP; returns its path. */
export const chapConfig = (context: CaseContext): string =>
  context.file('basalt.yaml', `chap:\n  user: ${CHAP_USER}\n  secret: ${CHAP_SECRET}\n`)

const TARGET_USER = 'basalt'
const TARGET_SECRET = 'its-own-secret'

export const chap: KernelCase = {
  name: 'chap',
  summary: 'CHAP right, wrong, unknown user and none at all; mutual CHAP',
  limitSeconds: 240,
  async run(context) {
    const target = await context.target({ volume: 'chap', size: '64MiB', configFile: chapConfig(context) })
    await context.guest({ script: 'chap.sh', target, environment: { CHAP_USER, CHAP_SECRET } })
    await context.finish(target)

    const lines = ['chap:', `  user: ${CHAP_USER}`, `  secret: ${CHAP_SECRET}`]
    lines.push('  mutual:', `    user: ${TARGET_USER}`, `    secret: ${TARGET_SECRET}`, '')
    const configFile = context.file('mutual.yaml', lines.join('\n'))
    const mutual = await context.target({ volume: 'mutual', size: '64MiB', configFile })
    const environment = { CHAP_USER, CHAP_SECRET, TARGET_USER, TARGET_SECRET }
    await context.guest({ script: 'chap-mutual.sh', target: mutual, environment })
    await context.finish(mutual)
  },
}
