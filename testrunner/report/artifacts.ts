/** The files that a run keeps: bounded each and together. Of one that is too long its end is kept, where logs say why. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatSize } from '../../src/base/sizes.ts'
import { MIB } from '../../src/base/units.ts'
import { ArtifactNames } from './artifact-names.ts'

export interface ArtifactLimits {
  readonly eachBytes: number
  readonly allBytes: number
}

const ARTIFACT_LIMITS: ArtifactLimits = { eachBytes: 32 * MIB, allBytes: 256 * MIB }

export interface KeptArtifact {
  /** Within the bundle. */
  readonly path: string
  /** `about`, and what of it was left out. */
  readonly about: string
}

export class Artifacts {
  readonly #bundle: string
  readonly #limits: ArtifactLimits
  readonly #names = new ArtifactNames()
  #leftBytes: number

  constructor(bundle: string, limits: ArtifactLimits = ARTIFACT_LIMITS) {
    this.#bundle = bundle
    this.#limits = limits
    this.#leftBytes = limits.allBytes
  }

  /** `folder`: within the bundle, for the artifacts of one scenario. Null when there is no room left for any of it. Rejects when it cannot be written. */
  async save(
    folder: string,
    path: string,
    content: string | Uint8Array,
    about: string,
  ): Promise<KeptArtifact | null> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    const keptBytes = Math.min(bytes.length, this.#limits.eachBytes, this.#leftBytes)
    if (keptBytes === 0 && bytes.length > 0) return null
    this.#leftBytes -= keptBytes
    const name = this.#names.claim(path)
    const inBundle = `${folder}${name}`
    const target = join(this.#bundle, inBundle)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, bytes.subarray(bytes.length - keptBytes), { flag: 'wx' })
    const cut =
      keptBytes < bytes.length ? ` (the last ${formatSize(keptBytes)} of ${formatSize(bytes.length)})` : ''
    return { path: inBundle, about: `${about}${cut}` }
  }
}
