/**
 * Runs the benchmarks and prints their table: `npm run bench -- [--only name[,name]] [--quick] [--write]`. With `--write`
 * the table in docs/benchmarks.md is replaced for the benchmarks that ran. Nothing here passes or fails by its time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writePart } from '../document-part.ts'
import { api } from './api.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { codec } from './codec.ts'
import { compaction } from './compaction.ts'
import { forecast } from './forecast.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import { replay } from './replay.ts'
import { scale } from './scale.ts'
import { training } from './training.ts'
import { windows } from './windows.ts'

const BENCHMARKS: Benchmark[] = [
  codec,
  ingest,
  windows,
  forecast,
  compaction,
  api,
  latency,
  replay,
  scale,
  training,
]
const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md')
const names = BENCHMARKS.map(({ name }) => name)

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: names.join(',') },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const only = values.only.split(',')
const unknown = only.filter((name) => !names.includes(name))
if (unknown.length > 0) throw new Error(`--only must name some of ${names.join(', ')}: ${unknown.join(', ')}`)

for (const { name, run } of BENCHMARKS.filter(({ name }) => only.includes(name))) {
  const directory = await mkdtemp(join(tmpdir(), `velocast-bench-${name}-`))
  const load = loadavg()[0]!
  try {
    const figures = await run({ quick: values.quick, directory })
    const table = [heading(name, load), ...rows(figures)].join('\n')
    process.stdout.write(`${table}\n\n`)
    if (values.write) await writePart(PAGE, name, table)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function heading(name: string, load: number): string {
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB`
  const quick = values.quick ? ' --quick' : ''
  return [
    `### ${name}`,
    `\`npm run bench -- --only ${name}${quick}\` on ${day}, Node ${process.version}, ${machine}, load average at the start ${load.toFixed(1)}.`,
    '',
  ].join('\n')
}

function rows(figures: readonly Figure[]): string[] {
  return [
    '| work | at least | aim | measured |',
    '|---|---|---|---|',
    ...figures.map(({ work, asked, aim, measured }) => `| ${work} | ${asked} | ${aim} | ${measured} |`),
  ]
}
