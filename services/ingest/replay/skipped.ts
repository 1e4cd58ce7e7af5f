/** Why a file of a recording gave no poll. */
const SKIP_REASONS = [
  'other_file',
  'unreadable',
  'too_large',
  'not_json',
  'not_status',
  'no_stations',
  'no_time',
  'information_unreadable',
  'weather_unreadable',
] as const
export type SkipReason = (typeof SKIP_REASONS)[number]

const EXAMPLES = 5

/** Files left out of a replay, counted by reason, with the first few of each and why. */
export class Skipped {
  readonly counts: Partial<Record<SkipReason, number>> = {}
  readonly examples: Partial<Record<SkipReason, { file: string; message: string }[]>> = {}
  readonly #seen = new Set<string>()

  /** Counts a file once a reason. */
  add(reason: SkipReason, file: string, cause?: unknown): void {
    const key = `${reason} ${file}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    this.counts[reason] = (this.counts[reason] ?? 0) + 1
    this.examples[reason] ??= []
    if (this.examples[reason].length < EXAMPLES) {
      this.examples[reason].push({ file, message: cause instanceof Error ? cause.message : '' })
    }
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }

  /** `3 unreadable, 1 no_time`; `none` when nothing was. */
  toString(): string {
    return (
      Object.entries(this.counts)
        .map(([reason, count]) => `${count} ${reason}`)
        .join(', ') || 'none'
    )
  }
}
