/**
 * `npm run deploy:manifests [-- --options FILE] [--out DIR]`: writes manifests, and with the defaults the Helm chart and the
 * environment reference too, as they are in the repository.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { BlockError, isBlockError } from '../src/base/errors.ts'
import { describeError } from '../src/cli/describe-error.ts'
import { exitCodeOf } from '../src/cli/exit-codes.ts'
import { chartFiles } from './src/chart.ts'
import { environmentPage } from './src/environment.ts'
import { manifests } from './src/manifests.ts'
import { type DeployOptions, defaultOptions, resolveOptions } from './src/options.ts'
import { fileOf } from './src/yaml-text.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const manifestFiles = (options: DeployOptions) =>
  manifests(options).map(({ name, objects }) => ({ path: `${name}.yaml`, text: fileOf(objects) }))

/** Every generated file of the repository, by its path from the root. */
export function generatedFiles(version: string): Map<string, string> {
  const files = [
    ...manifestFiles(defaultOptions(version)).map(({ path, text }) => [`deploy/kubernetes/${path}`, text]),
    ...chartFiles(version).map(({ path, text }) => [`deploy/helm/basalt/${path}`, text]),
    ['docs/environment.md', environmentPage()],
  ] as [string, string][]
  return new Map(files)
}

/** Directories that hold nothing but generated files. */
export const GENERATED_DIRECTORIES = ['deploy/kubernetes', 'deploy/helm/basalt/templates'] as const

async function write(directory: string, files: Iterable<readonly [string, string]>): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
    process.stdout.write(`${path}\n`)
  }
}

const HELP = `npm run deploy:manifests [-- [--options FILE] --out DIR]

Without flags it writes deploy/kubernetes, deploy/helm and docs/environment.md anew, as the repository has them.

  --options FILE  what is to differ from the defaults (YAML; docs/kubernetes.md lists the keys); needs --out
  --out DIR       write the manifests there
  --help          show this
`

const FLAGS = { options: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean' } } as const

/** INVALID_ARGUMENT. */
function readFlags(args: string[]) {
  try {
    return parseArgs({ args, options: FLAGS }).values
  } catch (error) {
    throw new BlockError('INVALID_ARGUMENT', `${messageOf(error)}; --help lists the flags`)
  }
}

/** What an options file says; INVALID_ARGUMENT. */
async function readOptions(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new BlockError('INVALID_ARGUMENT', `--options ${path}: ${messageOf(error)}`)
  }
}

/** Its first line. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.replace(/:$/, '') ?? ''

async function main(args: string[]): Promise<void> {
  const flags = readFlags(args)
  if (flags.help === true) {
    process.stdout.write(HELP)
    return
  }
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  if (flags.options === undefined && flags.out === undefined) {
    const files = generatedFiles(version)
    for (const directory of GENERATED_DIRECTORIES) {
      for (const name of await readdir(join(ROOT, directory)).catch(() => [])) {
        if (!files.has(`${directory}/${name}`)) await rm(join(ROOT, directory, name))
      }
    }
    await write(ROOT, files)
    return
  }
  if (flags.out === undefined) {
    throw new BlockError('INVALID_ARGUMENT', '--options needs --out DIR: the repository keeps the defaults')
  }
  const overrides = flags.options === undefined ? {} : await readOptions(flags.options)
  const options = resolveOptions(defaultOptions(version), overrides)
  await write(
    flags.out,
    manifestFiles(options).map(({ path, text }) => [path, text] as const),
  )
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`deploy:manifests: ${describeError(error, { stack: !isBlockError(error) })}\n`)
    process.exitCode = exitCodeOf(error)
  }
}
