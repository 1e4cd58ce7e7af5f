import { CELLS } from './histogram.ts'

/** Histograms of one thread's features for the open leaves, used again from tree to tree. */
export class HistogramPool {
  readonly #features: number
  readonly #histograms: Float64Array[] = []
  #free: number[] = []

  constructor(features: number) {
    this.#features = features
  }

  /** All slots are free again. */
  clear(): void {
    this.#free = this.#histograms.map((_, slot) => slot)
  }

  /** A slot with old content. */
  take(): number {
    const slot = this.#free.pop()
    if (slot !== undefined) return slot
    this.#histograms.push(new Float64Array(this.#features * CELLS))
    return this.#histograms.length - 1
  }

  release(slot: number): void {
    this.#free.push(slot)
  }

  histograms(slot: number): Float64Array {
    return this.#histograms[slot]!
  }
}
