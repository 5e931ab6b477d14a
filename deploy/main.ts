/**
 * `npm run deploy:manifests [-- --options FILE] [--out DIR]`: writes manifests, and with the defaults the Helm chart and the
 * environment reference too, as they are in the repository.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
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

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { options: { type: 'string' }, out: { type: 'string' } } })
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  if (values.options === undefined && values.out === undefined) {
    const files = generatedFiles(version)
    for (const directory of GENERATED_DIRECTORIES) {
      for (const name of await readdir(join(ROOT, directory)).catch(() => [])) {
        if (!files.has(`${directory}/${name}`)) await rm(join(ROOT, directory, name))
      }
    }
    await write(ROOT, files)
    return
  }
  if (values.out === undefined)
    throw new Error('--options needs --out DIR: the repository keeps the defaults')
  const overrides: unknown = values.options === undefined ? {} : parse(await readFile(values.options, 'utf8'))
  const options = resolveOptions(defaultOptions(version), overrides)
  await write(
    values.out,
    manifestFiles(options).map(({ path, text }) => [path, text] as const),
  )
}

if (import.meta.main) await main()
