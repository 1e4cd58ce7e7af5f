import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BIN_MS, DAY_MS, floorBin } from '../../services/domain/bin.ts'
import { ASINH_SCALE, ENSEMBLES, fitCalibration } from '../../services/domain/forecasting/calibration.ts'
import { frozenRows } from '../../services/domain/forecasting/labels.ts'
import { neighbourhood } from '../../services/domain/forecasting/neighbours.ts'
import { activityClasses } from '../../services/domain/forecasting/persistence-guard.ts'
import { buildProfile } from '../../services/domain/forecasting/profile.ts'
import { RICH_FEATURES } from '../../services/domain/forecasting/rich-features.ts'
import { rowAt } from '../../services/domain/forecasting/station-grid.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { encodeBronze } from '../../services/platform/parquet/bronze.ts'
import { ensembleOutputs } from '../../services/train/ensembles.ts'
import { columnsOf, docksThen, factsOf, type HorizonModel } from '../../services/train/horizon-model.ts'
import { buildPack, type PackOptions, type TrainedPack } from '../../services/train/pack.ts'
import { createRandom } from '../../services/train/random.ts'
import { type Recording, readRecording } from '../../services/train/recording.ts'
import { profileSums, type RowSource, trainingRows } from '../../services/train/training-rows.ts'
import { observation } from '../domain/observations.ts'
import { trainHere } from './gradient-boosting/made-rows.ts'

export const START = Date.parse('2026-03-02T00:00:00Z')
export const TRAIN_DAYS = 3
export const TRAINED_UNTIL = START + TRAIN_DAYS * DAY_MS
const STATIONS = 14

export interface TownPoll {
  poll_id: string
  ts_utc: number
  fetched_utc: number
  observations: Observation[]
}

/**
 * Polls of a town that fills in the morning and empties in the evening: one or two a bin, some bins without any. Weather
 * changes between two polls of a bin, stations are missing from polls or say no bikes, `s13` vanishes after the training,
 * `new` appears, `s2` moves away and `s3` changes its capacity. The same for the same seed.
 */
export function townPolls({
  from,
  until,
  seed = 1,
}: {
  from: number
  until: number
  seed?: number
}): TownPoll[] {
  const random = createRandom(seed)
  const polls: TownPoll[] = []
  for (let bin = START; bin < until; bin += BIN_MS) {
    const hour = ((bin - START) % DAY_MS) / 3_600_000
    const times = random() < 0.03 ? [] : random() < 0.3 ? [20_123, 250_007] : [140_456]
    for (const [index, into] of times.entries()) {
      const ts_utc = bin + into
      const poll_id = `${new Date(bin).toISOString()}-${index}`
      const weather = random() < 0.02 ? null : 10 + 5 * Math.sin(hour / 4) + index
      const observations: Observation[] = []
      const ids = Array.from({ length: STATIONS }, (_, place) => `s${String(place).padStart(2, '0')}`)
      for (const [place, station_id] of [...ids, 'new'].entries()) {
        const late = ts_utc >= TRAINED_UNTIL + DAY_MS / 4
        if (random() < 0.04 || (place === 13 && late) || (station_id === 'new' && !late)) continue
        const capacity = place === 3 && late ? 12 : 20
        const noise = random() * 5 - 2
        const level = 10 + 9 * Math.sin((2 * Math.PI * hour) / 24 + place) + noise
        const bikes = random() < 0.01 ? null : Math.round(Math.min(capacity + 1, Math.max(0, level)))
        observations.push(
          observation({
            station_id,
            poll_id,
            ts_utc,
            published_utc: ts_utc,
            fetched_utc: ts_utc + 4_000,
            bikes,
            docks: bikes === null || random() < 0.05 ? null : Math.max(0, capacity - bikes),
            mechanical: bikes ?? 0,
            ebike: 0,
            capacity: random() < 0.1 ? null : capacity,
            lat: 48.8 + 0.01 * place + (place === 2 && late ? 0.05 : 0),
            lon: 2.3 + 0.01 * (place % 4),
            name: station_id,
            temp_C: weather === null ? null : Math.fround(weather),
            precip_mm: weather === null ? null : 0,
            wind_mps: weather === null ? null : 2,
            is_installed: !(place === 5 && hour > 20),
          }),
        )
      }
      observations.forEach((row, poll_index) => {
        Object.assign(row, { poll_index, poll_count: observations.length })
      })
      if (bin >= from) polls.push({ poll_id, ts_utc, fetched_utc: ts_utc + 4_000, observations })
    }
  }
  return polls
}

/** The polls' last row of each station and bin, as the sink writes them, read back as training reads them. */
export async function recordingOf(polls: readonly TownPoll[]): Promise<Recording> {
  const last = new Map<string, Observation>()
  for (const { observations } of polls) {
    for (const row of observations) last.set(`${row.station_id} ${floorBin(row.ts_utc)}`, row)
  }
  const directory = await mkdtemp(join(tmpdir(), 'velocast-town-'))
  try {
    const file = join(directory, 'status.parquet')
    await writeFile(file, encodeBronze({ rows: [...last.values()] }))
    return await readRecording({ status: [file] })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export function sourceOf(recording: Recording, horizonMinutes: number): RowSource {
  const { grid, stations: places } = recording
  const timezone = 'Europe/Paris'
  const frozen = frozenRows({ grid, timezone })
  return { grid, places, neighbourhood: neighbourhood(places), timezone, horizonMinutes, frozen }
}

const LEFT_OUT = ['network_change_15', 'network_change_60', 'day_of_week']

/**
 * A small model of the town's training days, trained on the calling thread. It is calibrated on the rows that it was
 * trained on: for laws of packs and of serving, not to be judged by.
 */
export function townModel(source: RowSource, seed = 1): HorizonModel {
  const span = { from: 0, until: Math.min(source.grid.bins, rowAt(source.grid, TRAINED_UNTIL)) }
  const sums = profileSums(source, span)
  const rows = trainingRows(source, span, { sums, stride: 7 })
  const names = RICH_FEATURES.filter((name) => !LEFT_OUT.includes(name))
  const features = columnsOf(rows, names)
  const options = { rounds: 10, minChildWeight: 10, learningRate: 0.2, maxLeaves: 8, rowShare: 0.7, seed }
  const target = {
    squared: rows.change,
    robust: rows.change.map((change) => Math.asinh(change / ASINH_SCALE)),
    absolute: rows.change,
    scale: rows.change.map(Math.abs),
  }
  const ensembles = Object.fromEntries(
    ENSEMBLES.map((name) => [name, trainHere({ features, target: target[name], options }).model]),
  ) as HorizonModel['ensembles']
  const outputs = ensembleOutputs(ensembles, features)
  const moves = Float64Array.from(source.places, (_, place) => place % 5)
  const calibration = fitCalibration(
    { ...factsOf(source, rows), outputs, change: rows.change, docksThen: docksThen(source, rows) },
    activityClasses(moves),
  )
  return {
    horizonMinutes: source.horizonMinutes,
    features: names,
    profile: buildProfile(sums, source.neighbourhood.nearest),
    sums,
    ensembles,
    calibration,
    facts: {
      rows: rows.rows,
      outOfSampleRows: 0,
      folds: 0,
      rounds: { squared: 10, robust: 10, absolute: 10, scale: 10 },
    },
  }
}

export function packOf({
  source,
  model,
  version,
  ...more
}: { source: RowSource; model: HorizonModel; version: string } & Partial<PackOptions>): TrainedPack {
  return buildPack({
    system: 'town',
    version,
    source,
    model,
    serviceFlags: true,
    carryMinutes: 0,
    trained: { from: START, until: TRAINED_UNTIL, cutOff: TRAINED_UNTIL },
    metrics: { mae: 1.25 },
    createdFrom: null,
    ...more,
  })
}
