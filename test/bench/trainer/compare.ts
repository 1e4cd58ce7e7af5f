/**
 * Compares the trainer with LightGBM and XGBoost on the same made-up rows, threads, depth and rounds; each in turn, round
 * after round, so that a change of the machine's speed meets all alike. Prints a Markdown table of medians and of the
 * ratios within each turn. `node test/bench/trainer/compare.ts --help` lists the options.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeData, writeData } from './data.ts'
import {
  CONTENDERS,
  type Contender,
  contenderName,
  ensureYardsticks,
  type RunResult,
  runContender,
} from './runs.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '500000' },
    width: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '300' },
    depth: { type: 'string', default: '7' },
    threads: { type: 'string', default: '2' },
    turns: { type: 'string', default: '3' },
    growth: { type: 'string', default: 'depth-wise' },
    loss: { type: 'string', default: 'squared' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'compare.ts [--rows 500000] [--width 30] [--rounds 300] [--depth 7] [--threads 2] [--turns 3] ' +
      '[--growth depth-wise|leaf-wise] [--loss squared|absolute]\n',
  )
  process.exit(0)
}
const rows = Number(values.rows)
const width = Number(values.width)
const directory = await mkdtemp(join(tmpdir(), 'velocast-trainer-'))
try {
  await ensureYardsticks()
  await writeData(directory, makeData({ rows, testRows: Math.min(rows, 100_000), width, seed: 7 }))
  const task = {
    directory,
    width,
    rounds: Number(values.rounds),
    depth: Number(values.depth),
    threads: Number(values.threads),
    growth: values.growth === 'leaf-wise' ? ('leaf-wise' as const) : ('depth-wise' as const),
    loss: values.loss === 'absolute' ? ('absolute' as const) : ('squared' as const),
  }
  const results: Record<Contender, RunResult[]> = { velocast: [], lightgbm: [], xgboost: [] }
  for (let turn = 0; turn < Number(values.turns); turn += 1) {
    for (const contender of CONTENDERS) {
      const result = await runContender(contender, task)
      results[contender].push(result)
      process.stderr.write(`turn ${turn + 1}, ${contender}: ${JSON.stringify(result)}\n`)
    }
  }
  process.stdout.write(report(results))
} finally {
  await rm(directory, { recursive: true, force: true })
}

function report(results: Record<Contender, RunResult[]>): string {
  const [cpu] = cpus()
  const lines = [
    `${cpus().length} × ${cpu?.model ?? 'unknown processor'}; ${rows} rows × ${width} features, ${values.rounds} rounds, ` +
      `depth ${values.depth}, ${values.threads} threads, ${values.growth}, ${values.loss} error; median of ${values.turns} turns`,
    '',
    '| | bins s | training s | both s | both, CPU s | Velocast ÷ it | same, CPU | RMSE | MAE | peak MiB |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ]
  const wall = (result: RunResult): number => result.prepare_seconds + result.train_seconds
  const processor = (result: RunResult): number => result.prepare_cpu_seconds + result.train_cpu_seconds
  for (const contender of CONTENDERS) {
    const own = results[contender]
    const over = (read: (result: RunResult) => number): string =>
      median(own.map((result, turn) => read(results.velocast[turn]!) / read(result))).toFixed(2)
    const cells = [
      contenderName(contender),
      median(own.map((result) => result.prepare_seconds)).toFixed(2),
      median(own.map((result) => result.train_seconds)).toFixed(2),
      median(own.map(wall)).toFixed(2),
      median(own.map(processor)).toFixed(2),
      over(wall),
      over(processor),
      own[0]!.rmse.toFixed(5),
      own[0]!.mae.toFixed(5),
      median(own.map((result) => result.peak_mebibytes)).toFixed(0),
    ]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return `${lines.join('\n')}\n`
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
