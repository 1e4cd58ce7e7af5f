/** Scores of a probability against what came, per row summed up: mergeable by adding. */
export interface ProbabilityScore {
  n: number
  brier: number
  log_loss: number
  /** Expected calibration error over 10 bins of equal width (Naeini et al. 2015). */
  ece: number
}

const BINS = 10
/** Probabilities are kept this far from 0 and 1, so that one wrong certainty does not make the log loss infinite. */
const EDGE = 1e-4

export class ProbabilityScorer {
  #n = 0
  #brier = 0
  #logLoss = 0
  readonly #counts = new Float64Array(BINS)
  readonly #predicted = new Float64Array(BINS)
  readonly #came = new Float64Array(BINS)

  /** Adds one row; NaN is left out. */
  add(probability: number, came: boolean): void {
    if (Number.isNaN(probability)) return
    const outcome = came ? 1 : 0
    const kept = Math.min(Math.max(probability, EDGE), 1 - EDGE)
    this.#n += 1
    this.#brier += (probability - outcome) ** 2
    this.#logLoss -= Math.log(came ? kept : 1 - kept)
    const bin = Math.min(BINS - 1, Math.floor(probability * BINS))
    this.#counts[bin]! += 1
    this.#predicted[bin]! += probability
    this.#came[bin]! += outcome
  }

  score(): ProbabilityScore {
    let gap = 0
    for (let bin = 0; bin < BINS; bin += 1) gap += Math.abs(this.#predicted[bin]! - this.#came[bin]!)
    const n = this.#n
    return { n, brier: this.#brier / n, log_loss: this.#logLoss / n, ece: gap / n }
  }
}
