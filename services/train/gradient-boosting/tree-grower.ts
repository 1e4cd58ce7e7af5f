import { binCount, MISSING_BIN } from './binning.ts'
import { GrowingTree } from './growing-tree.ts'
import { type BlockPlan, CELLS, HistogramBuilder, planBlocks, sumPacked } from './histogram.ts'
import { HistogramPool } from './histogram-pool.ts'
import type { BoostingOptions } from './options.ts'
import { weightOf } from './packing.ts'
import { RowPartition } from './partition.ts'
import { type BestSplit, type SplitRules, scanFeature, score } from './split.ts'
import type { Team } from './team.ts'
import type { TrainingMemory } from './training-memory.ts'

/** Nodes that are split between two barriers, at most: what bounds the staged histograms. */
export const BATCH = 32
/** Doubles of a best split in the exchange: feature, bin, missing side, gain, left sum. */
export const RECORD = 5

/** A node whose histogram is built from rows, and its sibling, which is the parent's less it (−1 without). */
interface Pair {
  built: number
  rest: number
}

/**
 * Grows one tree on all threads at once. Each thread holds some of the rows and owns some of the features:
 * 1. it splits its own rows of the batch's nodes and stages the histograms of the smaller children, all features;
 * 2. barrier; it adds up everybody's staged histograms of its own features, takes the siblings by subtraction, and
 *    publishes its best split of each child;
 * 3. barrier; every thread takes the best of all, so that all threads hold the same tree.
 * Sums are exact (see Packing) and ties go to the lowest feature, so the tree does not depend on the team's size.
 */
export class TreeGrower {
  readonly tree: GrowingTree
  readonly partition: RowPartition
  readonly #memory: TrainingMemory
  readonly #team: Team
  readonly #options: BoostingOptions
  readonly #builder: HistogramBuilder
  readonly #columns: Uint8Array[]
  readonly #pool: HistogramPool
  readonly #best: BestSplit = { feature: -1, bin: 0, missingLeft: false, gain: 0, left: 0 }
  #plans: BlockPlan[] = []
  #own: number[] = []
  #rules!: SplitRules

  constructor({
    memory,
    team,
    options,
    rows,
  }: {
    memory: TrainingMemory
    team: Team
    options: BoostingOptions
    rows: number
  }) {
    this.#memory = memory
    this.#team = team
    this.#options = options
    this.tree = new GrowingTree(options.maxLeaves)
    this.partition = new RowPartition(rows)
    const { binning, columns, rows: allRows } = memory.binned
    this.#columns = binning.edges.map((_, feature) => new Uint8Array(columns, feature * allRows, allRows))
    this.#builder = new HistogramBuilder({
      binned: memory.binned,
      packed: memory.packed,
      stage: memory.stages[team.thread]!,
      stride: memory.stageStride,
    })
    this.#pool = new HistogramPool(Math.ceil(memory.binned.binning.edges.length / team.size))
  }

  /** `count` rows are in front of the partition; `features` ascend. */
  grow({
    count,
    features,
    rules,
  }: {
    count: number
    features: readonly number[]
    rules: SplitRules
  }): GrowingTree {
    const { tree } = this
    const { size, thread } = this.#team
    this.#rules = rules
    this.#plans = planBlocks(features, this.#memory.binned)
    const share = Math.ceil(features.length / size)
    this.#own = features.slice(thread * share, (thread + 1) * share)
    this.#pool.clear()
    tree.reset(count)
    this.#memory.sums[thread] = sumPacked(this.#memory.packed, this.partition.rows, count)
    this.#evaluate([{ built: 0, rest: -1 }])
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      for (let from = 0; from < batch.length; from += BATCH) this.#split(batch.slice(from, from + BATCH))
    }
    return tree
  }

  /** The open leaves to split next: the shallowest level, or the one with the greatest gain. */
  #next(): number[] {
    const { tree } = this
    const room = this.#options.maxLeaves - tree.leaves
    if (room === 0) return []
    const open = tree.leafNodes().filter((node) => tree.feature[node]! >= 0)
    const byGain = (a: number, b: number): number => tree.gain[b]! - tree.gain[a]! || a - b
    if (this.#options.growth === 'leaf-wise') return open.sort(byGain).slice(0, 1)
    const level = Math.min(...open.map((node) => tree.depth[node]!))
    const batch = open.filter((node) => tree.depth[node] === level)
    return batch.length <= room ? batch : batch.sort(byGain).slice(0, room)
  }

  #split(batch: readonly number[]): void {
    const { tree, partition } = this
    const { unit, minChildWeight } = this.#rules
    const pairs: Pair[] = []
    for (const node of batch) {
      const left = tree.add(tree.depth[node]! + 1)
      const right = tree.add(tree.depth[node]! + 1)
      tree.left[node] = left
      tree.leaves += 1
      tree.total[left] = tree.leftTotal[node]!
      tree.total[right] = tree.total[node]! - tree.leftTotal[node]!
      const start = tree.start[node]!
      const count = partition.split({
        start,
        count: tree.count[node]!,
        bins: this.#columns[tree.feature[node]!]!,
        bin: tree.bin[node]!,
        missingLeft: tree.missingLeft[node] === 1,
      })
      tree.start[left] = start
      tree.count[left] = count
      tree.start[right] = start + count
      tree.count[right] = tree.count[node]! - count
      const leftWeight = weightOf(tree.total[left]!, unit)
      const rightWeight = weightOf(tree.total[right]!, unit)
      const mayGrow =
        tree.depth[left]! < this.#options.maxDepth && Math.max(leftWeight, rightWeight) >= 2 * minChildWeight
      if (!mayGrow) {
        this.#pool.release(tree.slot[node]!)
        continue
      }
      const [built, rest] = leftWeight <= rightWeight ? [left, right] : [right, left]
      tree.slot[rest] = tree.slot[node]!
      pairs.push({ built, rest })
    }
    if (pairs.length > 0) this.#evaluate(pairs)
  }

  #evaluate(pairs: readonly Pair[]): void {
    const { tree } = this
    const { sums } = this.#memory
    pairs.forEach(({ built }, place) => {
      this.#builder.build({
        plans: this.#plans,
        rows: this.partition.rows,
        start: tree.start[built]!,
        count: tree.count[built]!,
        place,
      })
    })
    this.#team.barrier()
    if (tree.nodes === 1) tree.total[0] = sums.reduce((total, sum) => total + sum, 0)
    pairs.forEach((pair, place) => {
      this.#takeUp(pair, place)
      this.#publish(pair.built, 2 * place)
      if (pair.rest >= 0) this.#publish(pair.rest, 2 * place + 1)
    })
    this.#team.barrier()
    pairs.forEach(({ built, rest }, place) => {
      this.#choose(built, 2 * place)
      if (rest >= 0) this.#choose(rest, 2 * place + 1)
    })
  }

  /** Adds up the staged histograms of the own features, and takes them from the sibling's. */
  #takeUp({ built, rest }: Pair, place: number): void {
    const { stages, stageStride, binned } = this.#memory
    const slot = this.#pool.take()
    this.tree.slot[built] = slot
    const target = this.#pool.histograms(slot)
    const sibling = rest < 0 ? null : this.#pool.histograms(this.tree.slot[rest]!)
    this.#own.forEach((feature, own) => {
      const bins = binCount(binned.binning, feature)
      const from = place * stageStride + feature * CELLS
      const to = own * CELLS
      addUp(stages, from, target, to, bins)
      if (sibling !== null) subtract(sibling, target, to, bins)
    })
  }

  /** Writes the best split of a node over the own features to this thread's record. */
  #publish(node: number, record: number): void {
    const { tree } = this
    const { binned, records } = this.#memory
    const rules = this.#rules
    const best = this.#best
    const total = tree.total[node]!
    const weight = weightOf(total, rules.unit)
    best.feature = -1
    if (weight >= 2 * rules.minChildWeight && tree.depth[node]! < this.#options.maxDepth) {
      const histograms = this.#pool.histograms(tree.slot[node]!)
      best.gain = rules.minGain + 1e-12 * score(total - weight * rules.unit, weight, rules.l1, rules.l2)
      for (let own = 0; own < this.#own.length; own += 1) {
        const feature = this.#own[own]!
        const direction = this.#options.monotone[feature] ?? 0
        const bins = binCount(binned.binning, feature)
        scanFeature(histograms, own * CELLS, bins, feature, direction, total, rules, best)
      }
    }
    const place = (this.#team.thread * 2 * BATCH + record) * RECORD
    records[place] = best.feature
    records[place + 1] = best.bin
    records[place + 2] = best.missingLeft ? 1 : 0
    records[place + 3] = best.gain
    records[place + 4] = best.left
  }

  /** Takes the best of all threads' splits of a node; a leaf without one gives its histograms back. */
  #choose(node: number, record: number): void {
    const { tree } = this
    const { records } = this.#memory
    for (let thread = 0; thread < this.#team.size; thread += 1) {
      const place = (thread * 2 * BATCH + record) * RECORD
      if (records[place]! < 0) continue
      if (tree.feature[node]! >= 0 && records[place + 3]! <= tree.gain[node]!) continue
      tree.feature[node] = records[place]!
      tree.bin[node] = records[place + 1]!
      tree.missingLeft[node] = records[place + 2]!
      tree.gain[node] = records[place + 3]!
      tree.leftTotal[node] = records[place + 4]!
    }
    if (tree.feature[node]! < 0) {
      this.#pool.release(tree.slot[node]!)
      tree.slot[node] = -1
    }
  }
}

function addUp(
  stages: readonly Float64Array[],
  from: number,
  target: Float64Array,
  to: number,
  bins: number,
): void {
  const first = stages[0]!
  for (let bin = 0; bin < bins; bin += 1) target[to + bin] = first[from + bin]!
  target[to + MISSING_BIN] = first[from + MISSING_BIN]!
  for (let thread = 1; thread < stages.length; thread += 1) {
    const stage = stages[thread]!
    for (let bin = 0; bin < bins; bin += 1) target[to + bin]! += stage[from + bin]!
    target[to + MISSING_BIN]! += stage[from + MISSING_BIN]!
  }
}

function subtract(sibling: Float64Array, taken: Float64Array, to: number, bins: number): void {
  for (let bin = 0; bin < bins; bin += 1) sibling[to + bin]! -= taken[to + bin]!
  sibling[to + MISSING_BIN]! -= taken[to + MISSING_BIN]!
}
