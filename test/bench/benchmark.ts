/** One measured figure: a row of the table. */
export interface Figure {
  work: string
  /** Asked for at least, and aimed at; empty when nothing was. */
  asked: string
  aim: string
  measured: string
}

export interface BenchmarkOptions {
  /** Less data and fewer runs: to see that it works, not to quote. */
  quick: boolean
  /** A directory of its own, removed afterwards. */
  directory: string
}

export interface Benchmark {
  name: string
  run(options: BenchmarkOptions): Promise<Figure[]>
}

/** Milliseconds of every run, ascending. The first `warm` runs are not counted. */
export async function timed({
  runs,
  warm = 2,
  work,
}: {
  runs: number
  warm?: number
  work: (run: number) => unknown
}): Promise<number[]> {
  const times: number[] = []
  for (let run = 0; run < warm + runs; run += 1) {
    const begun = performance.now()
    await work(run)
    if (run >= warm) times.push(performance.now() - begun)
  }
  return times.sort((a, b) => a - b)
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

export function milliseconds(sorted: readonly number[]): string {
  const at = (share: number): string => quantile(sorted, share).toFixed(1)
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`
}

export function rate(count: number, ms: number, what = 'rows/s'): string {
  return `${Math.round((count / ms) * 1000).toLocaleString('en-GB')} ${what}`
}
