/** Writes what is made of a run's events: result.json, result.xml and report.html. */
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ValueMap } from '../model/value.ts'
import type { RunCollector } from './collect.ts'
import { reportHtml } from './html.ts'
import { junitXml } from './junit.ts'
import type { Manifest } from './manifest.ts'
import { resultJson } from './result.ts'

export interface WrittenReports {
  /** The bundle. */
  readonly directory: string
  /** Copies elsewhere, for `--junit` and `--html`, in folders that are there. */
  readonly junitPath: string
  readonly htmlPath: string
}

/** `manifest`: null when there is none any more. */
export async function writeReports(
  run: RunCollector,
  manifest: Manifest | null,
  { directory, junitPath, htmlPath }: Pick<WrittenReports, 'directory'> & Partial<WrittenReports>,
): Promise<void> {
  const beganMs = manifest === null ? 0 : Date.parse(manifest.began)
  const xml = junitXml(run, Number.isFinite(beganMs) ? beganMs : 0)
  const html = reportHtml(run, pageFacts(manifest))
  await replaceFile(join(directory, 'result.json'), resultJson(run))
  await replaceFile(join(directory, 'result.xml'), xml)
  await replaceFile(join(directory, 'report.html'), html)
  if (junitPath !== undefined) await replaceFile(junitPath, xml)
  if (htmlPath !== undefined) await replaceFile(htmlPath, html)
}

function pageFacts(manifest: Manifest | null): { readonly title: string; readonly facts: ValueMap } {
  if (manifest === null) return { title: 'Basalt scenarios', facts: {} }
  const { began, backend, productVersion, git, node, kernel, nodes, facts } = manifest
  const commit = git === null ? {} : { commit: `${git.commit}${git.isDirty ? ' with changes' : ''}` }
  return {
    title: `Basalt scenarios on ${backend}, ${began}`,
    facts: { productVersion, ...commit, node, kernel, ...(nodes.length > 0 ? { nodes } : {}), ...facts },
  }
}

/** Readers see the old content or the new. */
async function replaceFile(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content)
  await rename(`${path}.new`, path)
}
