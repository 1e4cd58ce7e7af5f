import { LANES } from './binned-rows.ts'

/** Cells of a feature: 255 bins, then the missing one. */
export const CELLS = 256
/** Rows whose gradients are gathered at a time: with a word's four histograms they stay in the first-level cache. */
const TILE = 2048

/** Which features of a word (a group of four) a tree uses, and where the word's bins begin. */
export interface WordPlan {
  /** Place of the word's first row in the words of the binned rows. */
  first: number
  /** Place of the word's first cell in a histogram of all features. */
  cells: number
  /** Bytes that are used, 0 to 3. */
  lanes: readonly number[]
}

/** The words that hold `features` (ascending), for binned rows of `rows` rows. */
export function planWords({ features, rows }: { features: readonly number[]; rows: number }): WordPlan[] {
  const plans = new Map<number, WordPlan & { lanes: number[] }>()
  for (const feature of features) {
    const word = feature >> 2
    const plan = plans.get(word) ?? { first: word * rows, cells: word * LANES * CELLS, lanes: [] }
    plan.lanes.push(feature & 3)
    plans.set(word, plan)
  }
  return [...plans.values()]
}

/**
 * Adds the packed gradients of some rows (`rows[start … start + count − 1]`) to the histograms at `offset`, those of
 * unused features excepted (a word with three or four used ones is added whole).
 */
export class HistogramBuilder {
  readonly #words: Uint32Array
  readonly #packed: Float64Array
  readonly #tile = new Float64Array(TILE)

  constructor({ words, packed }: { words: Uint32Array; packed: Float64Array }) {
    this.#words = words
    this.#packed = packed
  }

  build({
    plans,
    rows,
    start,
    count,
    histograms,
    offset,
  }: {
    plans: readonly WordPlan[]
    rows: Uint32Array
    start: number
    count: number
    histograms: Float64Array
    offset: number
  }): void {
    for (const { cells } of plans) histograms.fill(0, offset + cells, offset + cells + LANES * CELLS)
    const tile = this.#tile
    const words = this.#words
    for (let from = start; from < start + count; from += TILE) {
      const size = Math.min(TILE, start + count - from)
      gather(tile, this.#packed, rows, from, size)
      for (const { first, cells, lanes } of plans) {
        const place = offset + cells
        if (lanes.length > 2) addWord(histograms, place, words, first, rows, from, tile, size)
        else {
          for (const lane of lanes) {
            addLane(histograms, place + lane * CELLS, words, first, lane * 8, rows, from, tile, size)
          }
        }
      }
    }
  }
}

/** Sum of the packed gradients of some rows. */
export function sumPacked(packed: Float64Array, rows: Uint32Array, count: number): number {
  let sum = 0
  for (let place = 0; place < count; place += 1) sum += packed[rows[place]!]!
  return sum
}

function gather(
  tile: Float64Array,
  packed: Float64Array,
  rows: Uint32Array,
  from: number,
  size: number,
): void {
  for (let place = 0; place < size; place += 1) tile[place] = packed[rows[from + place]!]!
}

function addWord(
  histograms: Float64Array,
  offset: number,
  words: Uint32Array,
  first: number,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  const second = offset + CELLS
  const third = second + CELLS
  const fourth = third + CELLS
  for (let place = 0; place < size; place += 1) {
    const bins = words[first + rows[from + place]!]!
    const value = tile[place]!
    histograms[offset + (bins & 255)]! += value
    histograms[second + ((bins >>> 8) & 255)]! += value
    histograms[third + ((bins >>> 16) & 255)]! += value
    histograms[fourth + (bins >>> 24)]! += value
  }
}

function addLane(
  histograms: Float64Array,
  offset: number,
  words: Uint32Array,
  first: number,
  shift: number,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  for (let place = 0; place < size; place += 1) {
    const bins = words[first + rows[from + place]!]!
    histograms[offset + ((bins >>> shift) & 255)]! += tile[place]!
  }
}
