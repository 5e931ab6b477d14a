/**
 * The superblock's word that the disk failed in the opening before. It is taken back once the replica's own marks say that
 * it is damaged: a crash between the two must not make it sound again.
 */
import { MARK } from '../format/superblock.ts'
import type { SuperblockStore } from '../superblock-store.ts'

export class PoisonMark {
  readonly #superblocks: SuperblockStore
  #isStored: boolean

  constructor(superblocks: SuperblockStore) {
    this.#superblocks = superblocks
    this.#isStored = (superblocks.current.marks & MARK.poisoned) !== 0
  }

  /** The disk failed again: the word stands for this opening now. */
  keep(): void {
    this.#isStored = false
  }

  /** The damage is noted elsewhere, durably. */
  async takeBack(): Promise<void> {
    if (!this.#isStored) return
    this.#isStored = false
    await this.#superblocks.update({ marks: this.#superblocks.current.marks & ~MARK.poisoned })
  }
}
