import { expect, test } from 'vitest'
import { checkParity } from '../../services/cli/parity/parity.ts'
import { BIN_MS } from '../../services/domain/bin.ts'
import { rebuildArtefacts } from '../../services/monitor/rebuild.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { openDuckDb, readParquetSql } from '../../services/platform/parquet/duckdb.ts'
import { exportPerf } from '../../services/sink/export/perf.ts'
import { fingerprint, type Town } from '../sink/town.ts'
import {
  DAY,
  type ExpectedRow,
  expectedRows,
  openServedTown,
  publishedForecasts,
  type ServeOptions,
  SYSTEM,
  serve,
  servedPolls,
} from './served-city.ts'

const PERFORMANCE = `${SYSTEM}/monitoring/data/performance/latest/`

async function perfRows(objects: ObjectStore, path: string): Promise<ExpectedRow[]> {
  const database = await openDuckDb()
  try {
    const file = `${database.directory}/perf.parquet`
    await objects.download(path, file)
    const rows = await database.rows(`SELECT epoch_ms(tbin_utc) AS tbin_utc, station_id, horizon_bins, y_true,
      y_baseline_persist, y_pred_int, epoch_ms(predicted_utc) AS predicted_utc, model_version, bikes_q10
      FROM ${readParquetSql([file])}`)
    return rows.map((row) => ({
      ...row,
      bikes_q10: row.bikes_q10 === null ? null : Math.fround(Number(row.bikes_q10)),
    })) as unknown as ExpectedRow[]
  } finally {
    await database.close()
  }
}

async function artefact<Document>(objects: ObjectStore, name: string): Promise<Document> {
  return JSON.parse((await objects.get(`${PERFORMANCE}${name}.json`))!.bytes.toString())
}

/** Adds a bike to the first feature of one logged input. */
async function tamper(objects: ObjectStore, folder: string): Promise<void> {
  const [part] = await objects.list(folder)
  const database = await openDuckDb()
  try {
    const file = `${database.directory}/part.parquet`
    const changed = `${database.directory}/changed.parquet`
    await objects.download(part!.path, file)
    await database.run(`COPY (SELECT * REPLACE (CASE WHEN file_row_number = 0
        THEN to_json([(inputs::DOUBLE[])[1] + 1] || (inputs::DOUBLE[])[2:])::VARCHAR ELSE inputs END AS inputs)
      FROM read_parquet('${file}', file_row_number = true)) TO '${changed}' (FORMAT parquet)`)
    await objects.upload(changed, part!.path)
  } finally {
    await database.close()
  }
}

/** What must not depend on how fast, how often and with what stops the polls were served. */
async function outcome(objects: ObjectStore): Promise<Record<string, string>> {
  const found = await fingerprint(objects, `${SYSTEM}/`)
  const own = /\/(exports|forecasts|daily)\/|\/monitoring\/(data|aggregates)\/performance\//
  return Object.fromEntries(Object.entries(found).filter(([path]) => own.test(path)))
}

const polls = servedPolls({ late: true })
/** Directories of test towns go with the test that opens them, so everything that is asked of one run is one test. */
async function served(options: ServeOptions): Promise<Town> {
  const town = await openServedTown()
  await serve(town, polls, options)
  return town
}

test('the export is the forecasts that were served and what came true, after midnight too; scores are its sums', async () => {
  const town = await served({})
  const { objects } = town.platform
  const forecasts = await publishedForecasts(town.platform)
  const expected = expectedRows({ forecasts, polls, day: DAY })
  const rows = await perfRows(objects, `${SYSTEM}/exports/perf_${DAY}.parquet`)
  expect(rows).toEqual(expected)
  const lastHour = rows.filter(({ tbin_utc }) => tbin_utc >= Date.parse(`${DAY}T23:00:00Z`))
  expect(lastHour.filter(({ y_true }) => y_true !== null).length).toBeGreaterThan(12 * 2 * 6)
  expect(new Set(rows.map(({ model_version }) => model_version))).toEqual(
    new Set(['persistence@0.1.0', 'trend@1.0.0', 'trend@1.1.0']),
  )
  expect(await perfRows(objects, `${SYSTEM}/exports/perf.parquet`)).toEqual(expected)
  const again = await exportPerf({ platform: town.platform, system: SYSTEM, day: DAY })
  expect(again).toMatchObject({ outcome: 'unchanged', rows: expected.length })

  const end = Math.max(...polls.map(({ poll }) => Math.floor(poll.ts_utc! / BIN_MS) * BIN_MS)) + BIN_MS
  const rebuilt = await rebuildArtefacts({ platform: town.platform, system: SYSTEM, end })
  const scores = rebuilt.filter(({ path }) => path.startsWith(PERFORMANCE))
  expect(scores.length).toBe(6)
  for (const { path, bytes } of scores)
    expect((await objects.get(path))!.bytes.toString()).toBe(bytes.toString())

  const all = ['2024-09-02', '2024-09-03'].flatMap((day) => expectedRows({ forecasts, polls, day }))
  const scored = all.filter(({ y_true }) => y_true !== null)
  const { rows: kpis } = await artefact<{ rows: Record<string, number>[] }>(objects, 'kpis')
  expect(kpis.map(({ horizon_min }) => horizon_min)).toEqual([15, 60])
  for (const kpi of kpis) {
    const own = scored.filter(({ horizon_bins }) => horizon_bins === kpi.horizon_min! / 5)
    const mean = (of: (row: ExpectedRow) => number): number =>
      own.reduce((sum, row) => sum + of(row), 0) / own.length
    expect(kpi.n).toBe(own.length)
    expect(kpi.mae_model).toBeCloseTo(
      mean((row) => Math.abs(row.y_true! - row.y_pred_int)),
      12,
    )
    expect(kpi.mae_persistence).toBeCloseTo(
      mean((row) => Math.abs(row.y_true! - row.y_baseline_persist)),
      12,
    )
    expect(kpi.lift).toBeCloseTo(1 - kpi.mae_model! / kpi.mae_persistence!, 12)
    expect(kpi.coverage_80).toBeGreaterThan(0)
    expect(kpi.brier_bike).toBeGreaterThan(0)
  }
  const skill = await artefact<{ rows: { lift: number; days: number }[] }>(objects, 'skill')
  expect(skill.rows.map(({ lift }) => lift)).toEqual(kpis.map(({ lift }) => lift))

  const parity = () => checkParity({ platform: town.platform, system: SYSTEM, day: DAY })
  const report = await parity()
  expect(report).toMatchObject({ logged: expected.length, differing: 0, unavailable: 0 })
  expect(report.revised).toBeGreaterThan(0)
  expect(report.compared + report.revised).toBe(expected.length)
  expect(report.compared).toBeGreaterThan(1_000)
  expect(report.features.every(({ largest_difference }) => largest_difference === 0)).toBe(true)

  const elsewhere = await served({ chunk: 7, restartAfter: [20, 61, 120] })
  const first = await outcome(objects)
  expect(Object.keys(first).length).toBeGreaterThan(100)
  expect(await outcome(elsewhere.platform.objects)).toEqual(first)

  await tamper(objects, `${SYSTEM}/forecasts/date=${DAY}/hour=20/`)
  const tampered = await parity()
  expect(tampered.differing).toBe(1)
  expect(tampered.features.find(({ differing }) => differing > 0)).toMatchObject({
    feature: 'bikes',
    largest_difference: 1,
  })
}, 180_000)
