import { MISSING_BIN } from './binning.ts'

/** Rows of one thread, put in order of the tree's nodes: a node's rows are one stretch, ascending. */
export class RowPartition {
  readonly rows: Uint32Array
  readonly #scratch: Uint32Array
  readonly #goesLeft = new Uint8Array(256)

  constructor(capacity: number) {
    this.rows = new Uint32Array(capacity)
    this.#scratch = new Uint32Array(capacity)
  }

  /**
   * Splits the stretch: rows that go left stay in front; both keep their order. Returns how many went left.
   * `bins` has the bin of the split's feature for every row.
   */
  split({
    start,
    count,
    bins,
    bin,
    missingLeft,
  }: {
    start: number
    count: number
    bins: Uint8Array
    bin: number
    missingLeft: boolean
  }): number {
    const goesLeft = this.#goesLeft
    goesLeft.fill(0).fill(1, 0, bin + 1)
    goesLeft[MISSING_BIN] = missingLeft ? 1 : 0
    const left = divide(this.rows, this.#scratch, start, count, bins, goesLeft)
    this.rows.set(this.#scratch.subarray(0, count - left), start + left)
    return left
  }
}

function divide(
  rows: Uint32Array,
  scratch: Uint32Array,
  start: number,
  count: number,
  bins: Uint8Array,
  goesLeft: Uint8Array,
): number {
  let left = 0
  for (let place = 0; place < count; place += 1) {
    const row = rows[start + place]!
    const goes = goesLeft[bins[row]!]!
    rows[start + left] = row
    scratch[place - left] = row
    left += goes
  }
  return left
}
