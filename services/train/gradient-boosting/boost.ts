import { setLeafValues } from './leaf-values.ts'
import { packGradients, slopesOf, sumBlocks, totalOfBlocks } from './loss.ts'
import type { BoostedTrees } from './model.ts'
import { ModelTrees } from './model-trees.ts'
import type { BoostingOptions } from './options.ts'
import { exactScale, gradientScale, type Packing } from './packing.ts'
import { mix, SALT, sampleWithout } from './random.ts'
import { splitRules } from './split.ts'
import type { Team } from './team.ts'
import { BLOCK, type TrainingMemory } from './training-memory.ts'
import { TreeGrower } from './tree-grower.ts'

/** Weighted mean losses after a round: of squared errors, absolute errors or pinball losses. */
export interface Round {
  /** 1 for the first. */
  round: number
  trainingLoss: number
  /** Null without validation rows. */
  validationLoss: number | null
  /** The round with the least validation loss so far, or this one. */
  bestRound: number
}

export interface BoostTask {
  memory: TrainingMemory
  options: BoostingOptions
  packing: Packing
  base: number
  /** This thread's rows, see dealRows. */
  training: Uint32Array
  validation: Uint32Array
  /** Of all threads. */
  trainingRows: number
  validationRows: number
  trainingWeight: number
  validationWeight: number
}

/**
 * The program that every thread of the team runs; all come to the same trees. One round: gradients from the
 * predictions, a tree on the sampled rows and features, leaf values, new predictions, losses; ends early when the
 * validation loss has not fallen for `patience` rounds, and keeps the trees up to the best round.
 */
export function boost(
  { memory, options, packing, base, training, validation, ...totals }: BoostTask,
  team: Team,
  onRound: (round: Round) => void,
): BoostedTrees {
  const { size: threads, thread } = team
  const slopes = slopesOf(options.loss)
  const grower = new TreeGrower({ memory, team, options, rows: training.length })
  const trees = new ModelTrees(memory.binned.binning)
  const trainingBlocks = Math.ceil(totals.trainingRows / BLOCK)
  const validationBlocks = Math.ceil(totals.validationRows / BLOCK)
  const unsampled = new Uint32Array(options.rowShare < 1 ? training.length : 0)
  const measure = (): void => {
    sumBlocks({ memory, rows: training, slopes, thread, threads, firstBlock: 0 })
    sumBlocks({ memory, rows: validation, slopes, thread, threads, firstBlock: trainingBlocks })
    team.barrier()
  }
  const { binned } = memory
  for (const row of training) memory.prediction[row] = base
  for (const row of validation) memory.prediction[row] = base
  measure()
  const residualScale = exactScale(totals.trainingWeight, totals.trainingRows)
  let best = Number.POSITIVE_INFINITY
  let bestRound = 0
  let round = 0
  while (round < options.rounds && round - bestRound < options.patience) {
    round += 1
    const gradients = totalOfBlocks(memory.blocks, 0, trainingBlocks, 0)
    const scale = gradientScale(packing, gradients)
    const rules = splitRules(packing, scale, options)
    const { sampled, rest } = sampleRows(training, grower.partition.rows, unsampled, options, round)
    const { seed } = options
    packGradients({
      memory,
      rows: grower.partition.rows,
      count: sampled,
      slopes,
      packing,
      scale,
      seed,
      round,
    })
    const features = sampleFeatures(binned.binning.edges.length, options, round)
    const tree = grower.grow({ count: sampled, features, rules })
    setLeafValues({
      memory,
      team,
      tree,
      rows: grower.partition.rows,
      packing,
      gradientScale: scale,
      residualScale,
      options,
    })
    for (const node of tree.leafNodes()) addToLeaf(memory.prediction, grower.partition.rows, tree, node)
    tree.addTo(memory.prediction, { rows: unsampled, count: rest, binned })
    tree.addTo(memory.prediction, { rows: validation, count: validation.length, binned })
    if (thread === 0) trees.add(tree, rules.gainScale)
    measure()
    const trainingLoss = totalOfBlocks(memory.blocks, 0, trainingBlocks, 1) / totals.trainingWeight
    let validationLoss: number | null = null
    if (totals.validationRows > 0) {
      validationLoss =
        totalOfBlocks(memory.blocks, trainingBlocks, validationBlocks, 1) / totals.validationWeight
    }
    if (validationLoss === null || validationLoss < best) {
      best = validationLoss ?? best
      bestRound = round
    }
    if (thread === 0) onRound({ round, trainingLoss, validationLoss, bestRound })
  }
  return { features: binned.binning.edges.length, base, ...trees.join(thread === 0 ? bestRound : 0) }
}

/** Copies this round's rows to the front of `into` and the others to `others`; each row is drawn by itself. */
function sampleRows(
  rows: Uint32Array,
  into: Uint32Array,
  others: Uint32Array,
  { rowShare, seed }: BoostingOptions,
  round: number,
): { sampled: number; rest: number } {
  if (rowShare === 1) {
    into.set(rows)
    return { sampled: rows.length, rest: 0 }
  }
  const salt = mix(round, mix(seed, SALT.rows))
  const bound = rowShare * 2 ** 32
  let sampled = 0
  let rest = 0
  for (const row of rows) {
    if (mix(row, salt) < bound) {
      into[sampled] = row
      sampled += 1
    } else {
      others[rest] = row
      rest += 1
    }
  }
  return { sampled, rest }
}

function sampleFeatures(count: number, { columnShare, seed }: BoostingOptions, round: number): number[] {
  const taken = Math.max(1, Math.round(columnShare * count))
  return [...sampleWithout({ size: count, count: taken, salt: mix(round, mix(seed, SALT.columns)) })]
}

function addToLeaf(
  prediction: Float64Array,
  rows: Uint32Array,
  { start, count, value }: { start: Int32Array; count: Int32Array; value: Float32Array },
  node: number,
): void {
  const end = start[node]! + count[node]!
  const step = value[node]!
  for (let place = start[node]!; place < end; place += 1) prediction[rows[place]!]! += step
}
