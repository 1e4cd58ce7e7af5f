import type { Binning } from './binning.ts'
import type { GrowingTree } from './growing-tree.ts'
import type { TreeArrays } from './model.ts'

/** Finished trees, end to end, with edges in place of bins. */
export class ModelTrees {
  readonly #binning: Binning
  readonly #trees: TreeArrays[] = []

  constructor(binning: Binning) {
    this.#binning = binning
  }

  /** Copies the tree. `gainScale` turns its gains into real ones. */
  add(tree: GrowingTree, gainScale: number): void {
    const size = tree.nodes
    const feature = Uint16Array.from(tree.feature.subarray(0, size), (found) => Math.max(found, 0))
    const threshold = new Float32Array(size)
    const gain = new Float32Array(size)
    for (let node = 0; node < size; node += 1) {
      if (tree.isLeaf(node)) {
        feature[node] = 0
        continue
      }
      const bin = tree.bin[node]!
      threshold[node] = bin < 0 ? Number.NEGATIVE_INFINITY : this.#binning.edges[feature[node]!]![bin]!
      gain[node] = tree.gain[node]! * gainScale
    }
    this.#trees.push({
      feature,
      threshold,
      gain,
      left: tree.left.slice(0, size),
      missingLeft: Uint8Array.from(tree.missingLeft.subarray(0, size), (side, node) =>
        tree.isLeaf(node) ? 0 : side,
      ),
      value: Float32Array.from(tree.value.subarray(0, size), (value, node) =>
        tree.isLeaf(node) ? value : 0,
      ),
    })
  }

  /** The first `count` trees in one set of arrays; `starts` has the first node of each tree, and the end. */
  join(count: number): TreeArrays & { starts: Int32Array } {
    const trees = this.#trees.slice(0, count)
    const starts = new Int32Array(count + 1)
    trees.forEach((tree, index) => {
      starts[index + 1] = starts[index]! + tree.left.length
    })
    const nodes = starts[count]!
    const joined = {
      starts,
      left: new Int32Array(nodes),
      feature: new Uint16Array(nodes),
      threshold: new Float32Array(nodes),
      missingLeft: new Uint8Array(nodes),
      value: new Float32Array(nodes),
      gain: new Float32Array(nodes),
    }
    trees.forEach((tree, index) => {
      const start = starts[index]!
      joined.left.set(tree.left, start)
      joined.feature.set(tree.feature, start)
      joined.threshold.set(tree.threshold, start)
      joined.missingLeft.set(tree.missingLeft, start)
      joined.value.set(tree.value, start)
      joined.gain.set(tree.gain, start)
    })
    return joined
  }
}
