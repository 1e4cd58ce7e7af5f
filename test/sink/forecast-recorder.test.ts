import { expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import type { Forecast } from '../../services/domain/forecast.ts'
import { stationKey } from '../../services/domain/station.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { forecastPartBin } from '../../services/platform/object-store/layout.ts'
import { FORECAST_COLUMNS } from '../../services/platform/parquet/forecast-columns.ts'
import type { Platform } from '../../services/platform/service.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { BinsOfRecord } from '../../services/sink/forecasts/bins-of-record.ts'
import { createSinkService, type SinkOptions } from '../../services/sink/service.ts'
import { fingerprint, openTown, rowsOf, type Town, until } from './town.ts'

const START = Date.UTC(2024, 10, 5, 23, 30)
const MINUTE = 60_000

function forecastsOf(poll: { bin: number; fetched: number; system?: string; stations?: number }): Forecast[] {
  const { bin, fetched, system = 'town', stations = 3 } = poll
  return Array.from({ length: stations }, (_, place) => ({
    system,
    station_id: `s${place}`,
    poll_id: `poll-${fetched}`,
    tbin_utc: bin,
    ts_utc: bin + MINUTE,
    predicted_utc: fetched,
    valid_until: fetched + 60 * MINUTE,
    stale: false,
    bikes: place,
    docks: 10 - place,
    capacity: 10,
    horizons: [60, 15].map((horizon_min) => ({
      horizon_min,
      target_utc: bin + horizon_min * MINUTE,
      bikes_mean: place + 0.5,
      bikes_median: place,
      docks_mean: null,
      docks_median: null,
      bikes_q10: null,
      bikes_q50: null,
      bikes_q90: null,
      p_bike: Math.fround(((fetched / MINUTE) % 10) / 10),
      p_dock: null,
      model_version: 'persistence@0.1.0',
    })),
  }))
}

/** Two polls a bin, about midnight; one poll comes out of order, one is published twice. */
function polls(): Forecast[][] {
  const all: Forecast[][] = []
  for (let place = 0; place < 12; place += 1) {
    const bin = START + place * BIN_MS
    const [first, second] = [1, 3].map((minute) => forecastsOf({ bin, fetched: bin + minute * MINUTE }))
    if (place === 3) all.push(second!, first!)
    else if (place === 5) all.push(first!, first!, second!)
    else all.push(first!, second!)
    if (place === 7) all.push(all.at(-4)!, all.at(-3)!, first!, second!)
  }
  return all
}

async function publish({ platform: { log, codec } }: Town, batches: readonly Forecast[][]): Promise<void> {
  for (const batch of batches) {
    const records = batch.map((forecast) => ({
      partitionKey: forecast.system,
      key: stationKey(forecast.system, forecast.station_id),
      value: codec.encode(TOPICS.forecasts, 'Forecast', forecast),
    }))
    await log.publish(TOPICS.forecasts, records)
  }
}

async function run(platform: Platform, options: SinkOptions = {}): Promise<void> {
  const sink = createSinkService(platform, { ledgerIntervalMs: 0, ...options })
  try {
    await sink.start()
    await until(() => sink.caughtUp())
    await sink.finish()
  } finally {
    await sink.close()
  }
}

test('the forecasts of a bin are those of its last poll by fetch time, one part a bin', async () => {
  const town = await openTown()
  await publish(town, polls())
  await run(town.platform)
  const { objects } = town.platform
  const parts = (await objects.list('town/forecasts/')).map(({ path }) => path)
  expect(parts.map(forecastPartBin)).toEqual(Array.from({ length: 12 }, (_, place) => START + place * BIN_MS))
  for (const path of parts) {
    const rows = await rowsOf(objects, path, FORECAST_COLUMNS as never)
    expect(rows.map(({ station_id, horizon_min }) => `${station_id} ${horizon_min}`)).toEqual([
      's0 15',
      's0 60',
      's1 15',
      's1 60',
      's2 15',
      's2 60',
    ])
    const bin = forecastPartBin(path)!
    expect(new Set(rows.map(({ predicted_utc }) => predicted_utc))).toEqual(new Set([bin + 3 * MINUTE]))
    expect(rows[0]).toMatchObject({ target_utc: bin + 15 * MINUTE, bikes_mean: 0.5, docks_mean: null })
  }
})

test.each([
  ['forecasts_claimed', 1],
  ['forecasts_taken', 1],
  ['forecast_part_written', 4],
  ['forecast_ledger_written', 1],
  ['forecasts_committed', 1],
] as const)('a stop after %s, time %i, and a new start give the same parts', async (step, time) => {
  const whole = await openTown()
  await publish(whole, polls())
  await run(whole.platform)
  const town = await openTown()
  let seen = 0
  const fault = (name: string): void => {
    if (name !== step) return
    seen += 1
    if (seen >= time) throw new VelocastError({ code: 'internal', message: `stopped after ${step}` })
  }
  const stopped = createSinkService(town.again(), { ledgerIntervalMs: 0, fault })
  const failure = new Promise((resolve) => stopped.onFailure(resolve))
  const starting = stopped.start().catch(() => undefined)
  for (const batch of polls()) await publish(town, [batch])
  await failure
  await starting
  await stopped.close()
  await run(town.again())
  expect(await fingerprint(town.platform.objects, 'town/')).toEqual(
    await fingerprint(whole.platform.objects, 'town/'),
  )
})

test('a silent system does not hold up its partition, and goes on where it stopped', async () => {
  const town = await openTown()
  const quiet = forecastsOf({ bin: START, fetched: START + MINUTE, system: 'city-b' })
  await publish(town, [quiet])
  const loud = Array.from({ length: 60 }, (_, place) => {
    const bin = START + place * BIN_MS
    return forecastsOf({ bin, fetched: bin + MINUTE, system: 'city-a', stations: 1 })
  })
  await publish(town, loud)
  const sink = createSinkService(town.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  const parts = (await town.platform.objects.list('city-b/forecasts/')).length
  await sink.close()
  const ledgers = await Promise.all(
    [0, 1].map((p) => town.platform.objects.get(`ledger/forecasts/p${p}.json`)),
  )
  const holding = ledgers
    .map((object) => JSON.parse(object!.bytes.toString()))
    .find(({ systems }) => 'city-b' in systems)
  expect(parts).toBe('city-a' in holding.systems ? 1 : 0)
  await publish(town, [forecastsOf({ bin: START, fetched: START + 2 * MINUTE, system: 'city-b' })])
  await run(town.again())
  const found = await town.platform.objects.list('city-b/forecasts/')
  expect(found.length).toBe('city-a' in holding.systems ? 2 : 1)
})

test('repeats of a sealed bin are known, a later poll of it is not', () => {
  const bins = new BinsOfRecord({ system: 'town', sealed: null })
  const [first] = forecastsOf({ bin: START, fetched: START + MINUTE })
  const [next] = forecastsOf({ bin: START + BIN_MS, fetched: START + 6 * MINUTE })
  expect(bins.add(0, first!)).toEqual({ part: null, known: false })
  expect(bins.closedThrough).toBe(START)
  const sealed = bins.add(1, next!)
  expect(sealed.part?.bin).toBe(START)
  expect(bins.closedThrough).toBe(START + BIN_MS)
  expect(bins.add(2, first!).known).toBe(true)
  expect(bins.seal()?.rows.length).toBe(2)
  expect(bins.closedThrough).toBe(START + 2 * BIN_MS)
  const [later] = forecastsOf({ bin: START + BIN_MS, fetched: START + 7 * MINUTE })
  expect(bins.add(3, later!).known).toBe(false)
  expect(bins.seal()?.poll.predicted_utc).toBe(START + 7 * MINUTE)
})
