/**
 * One job of the compaction in a process of its own, so that its peak memory can be told:
 * `node compaction-run.ts <store> <day YYYY-MM-DD | month YYYY-MM>`, or `… <store> copy <day> <to day>`, which makes
 * the daily file of another day of the same rows. Prints one line of JSON.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { dailyPath } from '../../services/platform/object-store/layout.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import { OBSERVATION_COLUMNS } from '../../services/platform/parquet/columns.ts'
import { openDuckDb } from '../../services/platform/parquet/duckdb.ts'
import { compactDaily } from '../../services/sink/compaction/daily.ts'
import {
  chooseLast,
  createObservationTable,
  writeObservations,
} from '../../services/sink/compaction/merge.ts'
import { compactMonthly } from '../../services/sink/compaction/monthly.ts'
import { CITY } from './simulated-city.ts'

const DAY_MS = 86_400_000
const [root, what, from, to] = process.argv.slice(2) as [string, string, string, string]
const objects = await openLocalStore({ root })
const platform = {
  config: configSchema.parse({}),
  clock: systemClock,
  logger: pino({ level: 'error' }),
  objects,
}

const begun = performance.now()
const report =
  what === 'copy'
    ? await copyDay()
    : what.length === 10
      ? await compactDaily({ platform, system: CITY, day: what })
      : await compactMonthly({ platform, system: CITY, month: what })
const seconds = (performance.now() - begun) / 1000
const { maxRSS } = process.resourceUsage()
process.stdout.write(`${JSON.stringify({ ...report, seconds, megabytes: Math.round(maxRSS / 1024) })}\n`)

/** Every time of the day's rows moves by whole days; facts are computed anew. */
async function copyDay(): Promise<{ rows: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'velocast-copy-'))
  const database = await openDuckDb({ directory, memoryMegabytes: 1024 })
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS
  const moved = OBSERVATION_COLUMNS.map(({ name, type }) =>
    type === 'timestamp' ? `"${name}" + INTERVAL (${days}) DAY` : `"${name}"`,
  )
  await objects.download(dailyPath(CITY, from), join(directory, 'from.parquet'))
  await createObservationTable(database)
  await database.run(
    `INSERT INTO candidates SELECT ${moved.join(', ')} FROM '${join(directory, 'from.parquet')}'`,
  )
  const facts = await chooseLast({ database, day: to })
  const file = join(directory, 'to.parquet')
  await writeObservations({ database, from: 'chosen', file, facts })
  await objects.upload(file, dailyPath(CITY, to))
  await database.close()
  await rm(directory, { recursive: true, force: true })
  return { rows: facts.rows }
}
