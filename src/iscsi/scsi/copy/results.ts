/**
 * Copies under way and the results of those whose list identifier asked to keep them, for RECEIVE COPY STATUS. A
 * nexus keeps its last few results, as the standard lets it: a result is gone when the nexus ends.
 */
import { assert } from '../../../base/assert.ts'
import type { Nexus } from '../nexus.ts'

const RESULTS_MAX = 16

export interface CopyProgress {
  state: 'running' | 'completed' | 'failed'
  /** Segments that were copied whole. */
  segments: number
  copiedBytes: number
}

export class CopyResults {
  readonly #byNexus = new WeakMap<Nexus, Map<number, CopyProgress>>()
  #active = 0

  get active(): number {
    return this.#active
  }

  /** Starts a copy; undefined when the nexus has one under way with this list identifier. */
  begin(nexus: Nexus, listId: number | undefined): CopyProgress | undefined {
    const progress: CopyProgress = { state: 'running', segments: 0, copiedBytes: 0 }
    if (listId !== undefined) {
      const results = this.#byNexus.get(nexus) ?? new Map<number, CopyProgress>()
      if (results.get(listId)?.state === 'running') return undefined
      this.#byNexus.set(nexus, results)
      results.delete(listId)
      results.set(listId, progress)
      for (const [oldest, { state }] of results) {
        if (results.size <= RESULTS_MAX) break
        if (state !== 'running') results.delete(oldest)
      }
    }
    this.#active++
    return progress
  }

  /** Ends a copy: it failed unless it says that it completed. */
  end(progress: CopyProgress): void {
    this.#active--
    assert(this.#active >= 0, 'a copy ends once')
    if (progress.state === 'running') progress.state = 'failed'
  }

  /** The copy that the nexus started with this list identifier. */
  find(nexus: Nexus, listId: number): CopyProgress | undefined {
    return this.#byNexus.get(nexus)?.get(listId)
  }
}
