import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY_MS } from '../../services/domain/bin.ts'
import { frozenRows } from '../../services/domain/forecasting/labels.ts'
import { neighbourhood } from '../../services/domain/forecasting/neighbours.ts'
import { buildProfile, type Profile } from '../../services/domain/forecasting/profile.ts'
import { NO_COUNT } from '../../services/domain/forecasting/station-grid.ts'
import { openDuckDb, quote } from '../../services/platform/parquet/duckdb.ts'
import { type BacktestProgress, type BacktestResult, runBacktest } from '../../services/train/backtest.ts'
import { backtestReport } from '../../services/train/backtest-report.ts'
import { type Recording, readRecording } from '../../services/train/recording.ts'
import {
  profileSums,
  type RowSource,
  type SampleRows,
  trainingRows,
} from '../../services/train/training-rows.ts'
import { START, STATIONS, writeRecording } from './synthetic-recording.ts'

const DAYS = 5
const SPLIT = START + 4 * DAY_MS
const QUICK = { maxRows: 6000, foldRows: 3000, folds: 2, rounds: 30, threads: 1 } as const
const BOOSTING = { minChildWeight: 10, learningRate: 0.2 }

let directory: string
let files: { status: string; stations: string }
let result: BacktestResult
const progress: BacktestProgress[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocast-backtest-'))
  files = await writeRecording({ directory, days: DAYS })
  result = await runBacktest({
    status: [files.status],
    stations: files.stations,
    timezone: 'Europe/Paris',
    trainUntil: SPLIT,
    horizons: [60],
    ...QUICK,
    boosting: BOOSTING,
    onProgress: (step) => progress.push(step),
  })
}, 60_000)
afterAll(() => rm(directory, { recursive: true, force: true }))

/** All that models are made of: rows, profiles, the span's change labels. */
function trainingData({ grid, stations }: Recording): { rows: SampleRows; profile: Profile } {
  const span = { from: 0, until: 4 * 288 }
  const source: RowSource = {
    grid,
    places: stations,
    neighbourhood: neighbourhood(stations),
    timezone: 'Europe/Paris',
    horizonMinutes: 60,
    frozen: frozenRows({ grid, timezone: 'Europe/Paris', until: span.until }),
  }
  const sums = profileSums(source, span)
  return {
    rows: trainingRows(source, span, { sums, stride: 5 }),
    profile: buildProfile(sums, source.neighbourhood.nearest),
  }
}

describe('backtest', () => {
  test('scores persistence on exactly the rows that SQL finds in service at both ends', async () => {
    const database = await openDuckDb({ threads: 1 })
    const [expected] = await database
      .rows(`WITH status AS (SELECT *, epoch_ms(ts_utc)::BIGINT AS utc FROM read_parquet(${quote(files.status)}))
        SELECT count(*)::INTEGER AS n, avg(abs(later.bikes - now.bikes)) AS mae,
          sqrt(avg((later.bikes - now.bikes) ** 2)) AS rmse
        FROM status AS now JOIN status AS later
          ON later.station_id = now.station_id AND later.utc = now.utc + 3600000
        WHERE now.is_installed AND later.is_installed AND now.utc >= ${SPLIT}`)
      .finally(() => database.close())
    const scores = result.horizons['60']!
    expect(scores.n).toBe(expected!.n)
    expect(scores.mae_persistence).toBeCloseTo(expected!.mae as number, 9)
    expect(scores.rmse_persistence).toBeCloseTo(expected!.rmse as number, 9)
  })

  test('learns a daily rhythm far better than persistence', () => {
    const scores = result.horizons['60']!
    expect(scores.lift).toBeGreaterThan(0.3)
    expect(scores.rmse_cut).toBeGreaterThan(0.3)
    expect(scores.coverage_80).toBeGreaterThan(0.7)
    expect(scores.ece_bike).toBeLessThan(0.1)
    expect(scores.by_hour).toHaveLength(23)
    expect(scores.by_hour.reduce((sum, { n }) => sum + n, 0)).toBe(scores.n)
    expect(scores.stations).toBe(STATIONS)
    expect(scores.p_bike.model.n).toBe(scores.n)
    expect(scores.training.rows).toBeGreaterThan(1000)
    expect(scores.without_frozen).toBeNull()
  })

  test('is one JSON document without holes, and its progress rises to 1', () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    const shares = progress.map(({ share }) => share)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })

  test('makes a page that needs nothing else, with every hour of every horizon', () => {
    const page = backtestReport(result)
    expect(page).not.toMatch(/<script|<link|src=|href=|NaN|undefined/)
    expect(page.match(/<rect /g)).toHaveLength(23)
    expect(page).toContain('Europe/Paris')
  })

  test('training rows and encoders know nothing of the bins after the training', async () => {
    const read = (): Promise<Recording> => readRecording({ status: [files.status], stations: files.stations })
    const [untouched, changed] = [await read(), await read()]
    changed.grid.bikes.fill(1, 4 * 288 * STATIONS)
    changed.grid.docks.fill(NO_COUNT, 4 * 288 * STATIONS)
    const one = trainingData(changed)
    expect(one.rows.rows).toBeGreaterThan(2000)
    expect(serialize(one).equals(serialize(trainingData(untouched)))).toBe(true)
  })

  test('refuses a training end outside of the recording', async () => {
    const options = { ...QUICK, status: [files.status], stations: files.stations, timezone: 'UTC' }
    await expect(
      runBacktest({ ...options, trainUntil: START + 40 * DAY_MS, horizons: [15] }),
    ).rejects.toThrow(/training must end within the recording/)
    await expect(runBacktest({ ...options, trainUntil: SPLIT, horizons: [7] })).rejects.toThrow(
      /multiples of 5 minutes/,
    )
  })
})
