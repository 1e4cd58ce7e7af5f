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

export interface TimedOptions {
  runs: number
  /** Runs before them that are not counted. Default 2. */
  warm?: number
  /** `processor` counts what this thread took of the processor: for work that waits for nothing. Default `wall`. */
  clock?: 'wall' | 'processor'
  /** Times the work is done in a run, of which the mean counts: the processor's clock is coarse. Default 1. */
  repeat?: number
  work: (run: number) => unknown
}

/** Milliseconds of every run, ascending. */
export async function timed(options: TimedOptions): Promise<number[]> {
  const { runs, warm = 2, clock = 'wall', repeat = 1, work } = options
  const now = clock === 'wall' ? (): number => performance.now() : processorTime
  const times: number[] = []
  for (let run = 0; run < warm + runs; run += 1) {
    const begun = now()
    for (let again = 0; again < repeat; again += 1) await work(run)
    if (run >= warm) times.push((now() - begun) / repeat)
  }
  return times.sort((a, b) => a - b)
}

function processorTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
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
