import type { GrowingTree } from './growing-tree.ts'
import { levelOf } from './loss.ts'
import type { BoostingOptions } from './options.ts'
import { gradientOf, type Packing, weightOf } from './packing.ts'
import type { Team } from './team.ts'
import type { TrainingMemory } from './training-memory.ts'
import { weightedQuantile } from './weighted-quantile.ts'

interface LeafWork {
  memory: TrainingMemory
  team: Team
  tree: GrowingTree
  /** This thread's rows in order of the tree's nodes. */
  rows: Uint32Array
  packing: Packing
  /** Whole units for one of gradient, and for one of weight where residuals are weighed. */
  gradientScale: number
  residualScale: number
  options: BoostingOptions
}

/** Sets the values of all leaves, on all threads: a Newton step, or the quantile of the residuals. */
export function setLeafValues(work: LeafWork): void {
  const { tree, options, packing } = work
  const leaves = tree.leafNodes()
  const steps = options.loss.kind === 'squared' ? newtonSteps(work, leaves) : quantileSteps(work, leaves)
  leaves.forEach((node, leaf) => {
    tree.value[node] = options.learningRate * steps[leaf]!
  })
  if (options.monotone.some((direction) => direction !== 0)) keepMonotone(tree, packing, options.monotone)
}

/** From the packed sums: their rounding is a hundredth of the leaf's own sampling error at most. */
function newtonSteps({ tree, packing, gradientScale, options }: LeafWork, leaves: number[]): number[] {
  return leaves.map((node) => {
    const total = tree.total[node]!
    const gradient = gradientOf(total, packing.unit) / gradientScale
    const shrunk = Math.max(Math.abs(gradient) - options.l1, 0)
    const divisor = weightOf(total, packing.unit) / packing.weightScale + options.l2
    return divisor > 0 ? (-Math.sign(gradient) * shrunk) / divisor : 0
  })
}

function quantileSteps(
  { memory, team, tree, rows, residualScale, options }: LeafWork,
  leaves: number[],
): number[] {
  const { prediction, target, weights, residuals, residualWeights } = memory
  const counts = (thread: number, leaf: number): number => memory.leaves[thread * options.maxLeaves + leaf]!
  leaves.forEach((node, leaf) => {
    memory.leaves[team.thread * options.maxLeaves + leaf] = tree.count[node]!
  })
  team.barrier()
  const starts = [0]
  leaves.forEach((node, leaf) => {
    let place = starts[leaf]!
    for (let thread = 0; thread < team.size; thread += 1) {
      if (thread === team.thread) {
        for (let index = 0; index < tree.count[node]!; index += 1) {
          const row = rows[tree.start[node]! + index]!
          residuals[place + index] = target[row]! - prediction[row]!
          residualWeights[place + index] = weights === null ? 1 : Math.round(weights[row]! * residualScale)
        }
      }
      place += counts(thread, leaf)
    }
    starts.push(place)
  })
  team.barrier()
  const level = levelOf(options.loss)
  for (let leaf = team.thread; leaf < leaves.length; leaf += team.size) {
    const found = weightedQuantile({
      values: residuals,
      weights: residualWeights,
      from: starts[leaf]!,
      to: starts[leaf + 1]!,
      level,
    })
    memory.values[leaf] = Number.isNaN(found) ? 0 : found
  }
  team.barrier()
  return leaves.map((_, leaf) => memory.values[leaf]!)
}

/**
 * Clips the leaf values so that no split on a constrained feature runs against its direction: at each such split the
 * values of one side stay below, those of the other above the middle of both sides' means.
 */
function keepMonotone(tree: GrowingTree, packing: Packing, monotone: readonly number[]): void {
  const sums = new Float64Array(tree.nodes)
  const weights = new Float64Array(tree.nodes)
  for (let node = tree.nodes - 1; node >= 0; node -= 1) {
    const left = tree.left[node]!
    if (left === 0) {
      weights[node] = weightOf(tree.total[node]!, packing.unit)
      sums[node] = weights[node]! * tree.value[node]!
    } else {
      weights[node] = weights[left]! + weights[left + 1]!
      sums[node] = sums[left]! + sums[left + 1]!
    }
  }
  const mean = (node: number): number => (weights[node]! > 0 ? sums[node]! / weights[node]! : 0)
  const clip = (node: number, low: number, high: number): void => {
    const left = tree.left[node]!
    if (left === 0) {
      tree.value[node] = Math.min(Math.max(tree.value[node]!, low), high)
      return
    }
    const direction = tree.bin[node]! < 0 ? 0 : (monotone[tree.feature[node]!] ?? 0)
    if (direction === 0) {
      clip(left, low, high)
      clip(left + 1, low, high)
      return
    }
    const middle = Math.fround(Math.min(Math.max((mean(left) + mean(left + 1)) / 2, low), high))
    clip(left, direction > 0 ? low : middle, direction > 0 ? middle : high)
    clip(left + 1, direction > 0 ? middle : low, direction > 0 ? high : middle)
  }
  clip(0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
}
