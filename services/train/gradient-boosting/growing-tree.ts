import type { BinnedRows } from './binned-rows.ts'
import { MISSING_BIN } from './binning.ts'

/**
 * The tree in the making, the same on every thread; one place a node, children side by side (the right one follows the
 * left one). Node 0 is the root; `left` 0 marks a leaf. For an open leaf the split fields hold its best split.
 */
export class GrowingTree {
  nodes = 1
  leaves = 1
  readonly left: Int32Array
  readonly depth: Uint8Array
  /** Split: feature (−1: none admissible), last bin that goes left, side of missing values, gain in rule units. */
  readonly feature: Int32Array
  readonly bin: Int16Array
  readonly missingLeft: Uint8Array
  readonly gain: Float64Array
  /** Packed sum of the node's rows and of those that go left. */
  readonly total: Float64Array
  readonly leftTotal: Float64Array
  /** The node's stretch of this thread's rows. */
  readonly start: Int32Array
  readonly count: Int32Array
  /** Place of the node's histograms in the pool, −1 without. */
  readonly slot: Int32Array
  /** Leaf value, shrunk by the learning rate, single precision. */
  readonly value: Float32Array

  constructor(maxLeaves: number) {
    const size = 2 * maxLeaves
    this.left = new Int32Array(size)
    this.depth = new Uint8Array(size)
    this.feature = new Int32Array(size)
    this.bin = new Int16Array(size)
    this.missingLeft = new Uint8Array(size)
    this.gain = new Float64Array(size)
    this.total = new Float64Array(size)
    this.leftTotal = new Float64Array(size)
    this.start = new Int32Array(size)
    this.count = new Int32Array(size)
    this.slot = new Int32Array(size)
    this.value = new Float32Array(size)
  }

  reset(rows: number): void {
    this.nodes = 0
    this.leaves = 1
    this.add(0)
    this.count[0] = rows
  }

  /** A new leaf without an admissible split. */
  add(depth: number): number {
    const node = this.nodes
    this.nodes += 1
    this.left[node] = 0
    this.depth[node] = depth
    this.feature[node] = -1
    this.gain[node] = 0
    this.start[node] = 0
    this.count[node] = 0
    this.slot[node] = -1
    this.value[node] = 0
    return node
  }

  isLeaf(node: number): boolean {
    return this.left[node] === 0
  }

  leafNodes(): number[] {
    const found: number[] = []
    for (let node = 0; node < this.nodes; node += 1) if (this.isLeaf(node)) found.push(node)
    return found
  }

  /** Adds the leaf values to the predictions of `count` rows, found by their bins. */
  addTo(
    prediction: Float64Array,
    { rows, count, binned }: { rows: Uint32Array; count: number; binned: BinnedRows },
  ): void {
    if (count === 0) return
    const { left, bin, missingLeft, value } = this
    const bins = new Uint8Array(binned.columns)
    const first = Float64Array.from(this.feature.subarray(0, this.nodes), (feature) => feature * binned.rows)
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!
      let node = 0
      while (left[node] !== 0) {
        const found = bins[first[node]! + row]!
        const goesLeft = found === MISSING_BIN ? missingLeft[node] === 1 : found <= bin[node]!
        node = left[node]! + (goesLeft ? 0 : 1)
      }
      prediction[row]! += value[node]!
    }
  }
}
