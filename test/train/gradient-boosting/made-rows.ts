import { boost, type Round } from '../../../services/train/gradient-boosting/boost.ts'
import { prepareTasks, type TrainingRows } from '../../../services/train/gradient-boosting/boost-task.ts'
import type { Features } from '../../../services/train/gradient-boosting/features.ts'
import type { BoostedTrees } from '../../../services/train/gradient-boosting/model.ts'
import { mix } from '../../../services/train/gradient-boosting/random.ts'
import { Team } from '../../../services/train/gradient-boosting/team.ts'

/** Evenly spread numbers of [0, 1). */
export function uniform(seed: number): () => number {
  let place = 0
  return () => {
    place += 1
    return mix(place, seed) / 2 ** 32
  }
}

export interface MadeRows {
  features: Features & { layout: 'columns' }
  target: Float32Array<ArrayBuffer>
}

/** Waves, steps, an interaction and noise; a share of the values of every third column is missing. */
export function madeRows({
  rows,
  width = 6,
  seed = 1,
  missing = 0.1,
}: {
  rows: number
  width?: number
  seed?: number
  missing?: number
}): MadeRows {
  const next = uniform(seed)
  const columns = Array.from({ length: width }, (_, column) =>
    Float32Array.from({ length: rows }, () =>
      column % 3 === 0 && next() < missing
        ? Number.NaN
        : column % 2 === 0
          ? next() * 10
          : Math.floor(next() * 8),
    ),
  )
  const at = (column: number, row: number): number => columns[column % width]![row]!
  const target = Float32Array.from({ length: rows }, (_, row) => {
    const wave = Number.isNaN(at(0, row)) ? 4 : Math.sin(at(0, row)) * 3
    return wave + (at(1, row) > 3 ? 2 : -1) * (at(2, row) / 5) + next()
  })
  return { features: { layout: 'columns', columns }, target }
}

/** Trains on the calling thread. */
export function trainHere(input: TrainingRows): { model: BoostedTrees; history: Round[] } {
  const [task] = prepareTasks({ ...input, options: { ...input.options, threads: 1 } })
  const history: Round[] = []
  const team = new Team({ size: 1, thread: 0, control: task!.memory.control })
  return { model: boost(task!, team, (round) => history.push(round)), history }
}

/** Rows with every value drawn from `draw`. */
export function drawnRows(draw: () => number, rows: number, width: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rows * width }, draw)
}
