import { type BinnedRows, BLOCK_WORDS, blockWidth, LANES } from './binned-rows.ts'

/** Cells of a feature: 255 bins, then the missing one. */
export const CELLS = 256
const WORD_CELLS = LANES * CELLS
/** Rows whose gradients are gathered at a time, so that they and the rows' words stay in the first-level cache. */
const TILE = 256
/** Rows that lie this far apart on average, or farther, are fetched before they are added. */
const SPARSE = 8

/** Which features of a block a tree uses. */
export interface BlockPlan {
  block: number
  /** Words side by side. */
  width: number
  /** Place of the block's first row in the words of the binned rows. */
  first: number
  /** All words are added at once; otherwise each used one by itself. */
  whole: boolean
  words: { word: number; lanes: number[] }[]
}

/** The blocks that hold `features` (ascending). */
export function planBlocks(features: readonly number[], binned: BinnedRows): BlockPlan[] {
  const plans = new Map<number, BlockPlan>()
  for (const feature of features) {
    const word = Math.floor(feature / LANES)
    const block = Math.floor(word / BLOCK_WORDS)
    const plan = plans.get(block) ?? {
      block,
      width: blockWidth(word, binned.binning.edges.length),
      first: block * BLOCK_WORDS * binned.rows,
      whole: false,
      words: [],
    }
    plans.set(block, plan)
    if (plan.words.at(-1)?.word !== word) plan.words.push({ word, lanes: [] })
    plan.words.at(-1)!.lanes.push(feature % LANES)
  }
  return [...plans.values()].map((plan) => {
    const used = plan.words.reduce((sum, { lanes }) => sum + lanes.length, 0)
    return { ...plan, whole: plan.width === BLOCK_WORDS && used > (BLOCK_WORDS * LANES) / 2 }
  })
}

/**
 * Adds up the packed gradients of rows by feature and bin, in one thread's staged histograms: `stride` cells a place,
 * feature after feature. Views into them are made once, so that the kernels index them from 0 with constants.
 */
export class HistogramBuilder {
  readonly #words: Uint32Array
  readonly #packed: Float64Array
  readonly #tile = new Float64Array(TILE)
  readonly #stage: Float64Array
  readonly #stride: number
  readonly #views: { blocks: Float64Array[]; words: Float64Array[] }[] = []
  readonly #fetched = new Uint32Array(1)

  constructor({
    binned,
    packed,
    stage,
    stride,
  }: {
    binned: BinnedRows
    packed: Float64Array
    stage: Float64Array
    stride: number
  }) {
    this.#words = new Uint32Array(binned.blocks)
    this.#packed = packed
    this.#stage = stage
    this.#stride = stride
    const split = (start: number, size: number): Float64Array[] =>
      Array.from({ length: Math.ceil(stride / size) }, (_, part) =>
        stage.subarray(start + part * size, start + Math.min((part + 1) * size, stride)),
      )
    for (let start = 0; start < stage.length; start += stride) {
      this.#views.push({ blocks: split(start, BLOCK_WORDS * WORD_CELLS), words: split(start, WORD_CELLS) })
    }
  }

  /** Sets the histograms at `place` to those of `rows[start … start + count − 1]`, which ascend. */
  build({
    plans,
    rows,
    start,
    count,
    place,
  }: {
    plans: readonly BlockPlan[]
    rows: Uint32Array
    start: number
    count: number
    place: number
  }): void {
    this.#stage.fill(0, place * this.#stride, (place + 1) * this.#stride)
    const views = this.#views[place]!
    const tile = this.#tile
    const words = this.#words
    const sparse = count > 0 && rows[start + count - 1]! - rows[start]! >= SPARSE * count
    for (let from = start; from < start + count; from += TILE) {
      const size = Math.min(TILE, start + count - from)
      gather(tile, this.#packed, rows, from, size)
      for (const plan of plans) {
        if (sparse) fetchRows(words, plan, rows, from, size, this.#fetched)
        if (plan.whole) addBlock(views.blocks[plan.block]!, words, plan.first, rows, from, tile, size)
        else addWords(views.words, words, plan, rows, from, tile, size)
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

/**
 * Reads a word of each row, so that a tile's cache misses overlap; the kernels, with more to do for each row, would wait
 * for one after the other. Their sum is put down so that the compiler doesn't leave the reads out.
 */
function fetchRows(
  words: Uint32Array,
  { first, width }: BlockPlan,
  rows: Uint32Array,
  from: number,
  size: number,
  fetched: Uint32Array,
): void {
  let sum = 0
  for (let place = 0; place < size; place += 1) sum = (sum + words[first + rows[from + place]! * width]!) | 0
  fetched[0] = sum
}

/** Sixteen features of a row at a time, written out: as a loop over the words it takes a third longer. */
function addBlock(
  cells: Float64Array,
  words: Uint32Array,
  first: number,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  for (let place = 0; place < size; place += 1) {
    const row = first + rows[from + place]! * 4
    const value = tile[place]!
    let bins = words[row]!
    cells[bins & 255]! += value
    cells[256 + ((bins >>> 8) & 255)]! += value
    cells[512 + ((bins >>> 16) & 255)]! += value
    cells[768 + (bins >>> 24)]! += value
    bins = words[row + 1]!
    cells[1024 + (bins & 255)]! += value
    cells[1280 + ((bins >>> 8) & 255)]! += value
    cells[1536 + ((bins >>> 16) & 255)]! += value
    cells[1792 + (bins >>> 24)]! += value
    bins = words[row + 2]!
    cells[2048 + (bins & 255)]! += value
    cells[2304 + ((bins >>> 8) & 255)]! += value
    cells[2560 + ((bins >>> 16) & 255)]! += value
    cells[2816 + (bins >>> 24)]! += value
    bins = words[row + 3]!
    cells[3072 + (bins & 255)]! += value
    cells[3328 + ((bins >>> 8) & 255)]! += value
    cells[3584 + ((bins >>> 16) & 255)]! += value
    cells[3840 + (bins >>> 24)]! += value
  }
}

function addWords(
  views: readonly Float64Array[],
  words: Uint32Array,
  plan: BlockPlan,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  for (const { word, lanes } of plan.words) {
    const first = plan.first + (word % BLOCK_WORDS)
    const cells = views[word]!
    if (lanes.length > 2) addWord(cells, words, first, plan.width, rows, from, tile, size)
    else for (const lane of lanes) addLane(cells, lane, words, first, plan.width, rows, from, tile, size)
  }
}

function addWord(
  cells: Float64Array,
  words: Uint32Array,
  first: number,
  width: number,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  for (let place = 0; place < size; place += 1) {
    const bins = words[first + rows[from + place]! * width]!
    const value = tile[place]!
    cells[bins & 255]! += value
    cells[256 + ((bins >>> 8) & 255)]! += value
    cells[512 + ((bins >>> 16) & 255)]! += value
    cells[768 + (bins >>> 24)]! += value
  }
}

function addLane(
  cells: Float64Array,
  lane: number,
  words: Uint32Array,
  first: number,
  width: number,
  rows: Uint32Array,
  from: number,
  tile: Float64Array,
  size: number,
): void {
  const shift = lane * 8
  const offset = lane * CELLS
  for (let place = 0; place < size; place += 1) {
    const bins = words[first + rows[from + place]! * width]!
    cells[offset + ((bins >>> shift) & 255)]! += tile[place]!
  }
}
