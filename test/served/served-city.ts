import { BIN_MS, HOUR_MS } from '../../services/domain/bin.ts'
import type { Forecast } from '../../services/domain/forecast.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { installPersistencePack } from '../../services/platform/onnx/install.ts'
import type { Platform, Service } from '../../services/platform/service.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { CITY_START, type CityPoll, cityPolls, withBikes } from '../monitor/city.ts'
import { openTown, type Town, until } from '../sink/town.ts'
import { putTrendPack } from './trend-pack.ts'

export const SYSTEM = 'test-city'
export const DAY = '2024-09-02'
/** From 16:00 to 02:00 of the day after. */
const FROM_HOUR = 16
const DAYS = 26 / 24

/**
 * Ten hours about midnight of eight stations (station 3 is closed): a gap, a station out of service for two hours, two polls
 * in some bins, and, when `late`, a correction of two stations in a bin that was closed an hour before.
 */
export function servedPolls({ late = false } = {}): CityPoll[] {
  const at = (hours: number): number => CITY_START + hours * HOUR_MS
  const polls = cityPolls({ days: DAYS, stations: 8 })
    .filter(({ poll }) => poll.ts_utc! >= at(FROM_HOUR))
    .filter(({ poll }) => poll.ts_utc! < at(18) || poll.ts_utc! >= at(18.75))
    .map(({ poll, observations }) => ({
      poll,
      observations: observations.map((row) =>
        row.station_id === observations[5]!.station_id && row.ts_utc >= at(19) && row.ts_utc < at(21)
          ? { ...row, is_installed: false, is_renting: false, is_returning: false, status: 'CLOSED' }
          : row,
      ),
    }))
    .flatMap((entry, place) => (place % 4 === 0 ? [entry, secondPoll(entry)] : [entry]))
  if (!late) return polls
  const corrected = polls.find(({ poll }) => poll.ts_utc! >= at(21.5))!
  const after = polls.findIndex(({ poll }) => poll.ts_utc! >= at(23))
  return [...polls.slice(0, after), correction(corrected), ...polls.slice(after)]
}

/** A minute and a half later every other station has one bike less. */
function secondPoll({ poll, observations }: CityPoll): CityPoll {
  const poll_id = `${poll.poll_id}-second`
  const shift = 90_000
  return {
    poll: {
      ...poll,
      poll_id,
      ts_utc: poll.ts_utc! + shift,
      published_utc: poll.published_utc! + shift,
      fetched_utc: poll.fetched_utc + shift,
    },
    observations: observations.map((row, place) => ({
      ...(place % 2 === 0 && row.is_installed ? withBikes(row, Math.max(0, row.bikes! - 1)) : row),
      poll_id,
      ts_utc: row.ts_utc + shift,
      published_utc: row.published_utc! + shift,
      fetched_utc: row.fetched_utc + shift,
    })),
  }
}

function correction({ poll, observations }: CityPoll): CityPoll {
  const poll_id = `${poll.poll_id}-late`
  const rows = observations.slice(6, 8).map((row, index) => ({
    ...withBikes(row, row.bikes! + 3),
    poll_id,
    ts_utc: row.ts_utc + 1_000,
    fetched_utc: row.fetched_utc + 5_400_000,
    poll_index: index,
    poll_count: 2,
  }))
  const times = { ts_utc: poll.ts_utc! + 1_000, fetched_utc: poll.fetched_utc + 5_400_000 }
  return { poll: { ...poll, ...times, poll_id, rows: 2 }, observations: rows }
}

export function openServedTown(): Promise<Town> {
  const systems = [{ id: SYSTEM, discovery_url: 'http://localhost/gbfs.json', timezone: 'Europe/Paris' }]
  return openTown({
    config: { systems, monitor: { window_days: 2, reference_days: 7 }, forecast: { sample_share: 1 } },
  })
}

export interface ServeOptions {
  /** Polls published before everything has to have handled them: the speed of the replay. */
  chunk?: number
  /** Polls after which every service is stopped and started again. */
  restartAfter?: readonly number[]
}

/** Serves the polls with persistence and then two models in turn. */
export async function serve(
  town: Town,
  polls: readonly CityPoll[],
  options: ServeOptions = {},
): Promise<void> {
  const { objects } = town.platform
  await installPersistencePack({ objects, horizons: [15, 60] })
  await putTrendPack({ objects, version: '1.0.0', from: CITY_START + 17 * HOUR_MS })
  await putTrendPack({ objects, version: '1.1.0', from: CITY_START + 22 * HOUR_MS })
  await servePolls(town, polls, options)
}

/** Serves the polls in one process, by the models that are there: windows, forecasts, sink and monitor; then ends the input. */
export async function servePolls(
  town: Town,
  polls: readonly CityPoll[],
  { chunk = 6, restartAfter = [] }: ServeOptions = {},
): Promise<void> {
  let services = await start(town)
  for (let next = 0; next < polls.length; next += chunk) {
    const some = polls.slice(next, next + chunk)
    await town.publish(some.map(({ poll, observations }) => ({ record: poll, observations })))
    await until(async () => (await Promise.all(services.map((service) => service.caughtUp()))).every(Boolean))
    if (!restartAfter.some((place) => place >= next && place < next + chunk)) continue
    for (const service of services) await service.close()
    services = await start(town)
  }
  for (const service of services) await service.finish()
  for (const service of services) await service.close()
}

async function start(town: Town): Promise<Service[]> {
  const platform: Platform = town.again({ clock: systemClock })
  const services = [
    createWindowsService(platform),
    createForecastService(platform),
    createSinkService(platform, { ledgerIntervalMs: 0 }),
    createMonitorService(platform, { artefactIntervalMs: 1_000 }),
  ]
  for (const service of services) {
    service.onFailure((error) => {
      throw error
    })
    await service.start()
  }
  return services
}

/** A row of the performance export, computed from the records alone. */
export interface ExpectedRow {
  tbin_utc: number
  station_id: string
  horizon_bins: number
  y_true: number | null
  y_baseline_persist: number
  y_pred_int: number
  predicted_utc: number
  model_version: string
  bikes_q10: number | null
}

/** What the export of a day must hold: no Parquet, no SQL, none of the services' code. */
export function expectedRows({
  forecasts,
  polls,
  day,
}: {
  forecasts: readonly Forecast[]
  polls: readonly CityPoll[]
  day: string
}): ExpectedRow[] {
  const last = new Map<string, Observation>()
  for (const row of polls.flatMap(({ observations }) => observations)) {
    const key = `${row.station_id} ${Math.floor(row.ts_utc / BIN_MS) * BIN_MS}`
    const known = last.get(key)
    if (known === undefined || row.ts_utc > known.ts_utc) last.set(key, row)
  }
  const lastPoll = new Map<number, number>()
  for (const { tbin_utc, predicted_utc } of forecasts) {
    lastPoll.set(tbin_utc, Math.max(lastPoll.get(tbin_utc) ?? 0, predicted_utc))
  }
  const rows = forecasts
    .filter(({ tbin_utc }) => new Date(tbin_utc).toISOString().startsWith(day))
    .filter(({ tbin_utc, predicted_utc }) => lastPoll.get(tbin_utc) === predicted_utc)
    .flatMap((forecast) =>
      forecast.horizons.map((horizon): ExpectedRow => {
        const { station_id, tbin_utc, predicted_utc } = forecast
        const source = last.get(`${station_id} ${tbin_utc}`)
        const target = last.get(`${station_id} ${tbin_utc + horizon.horizon_min * 60_000}`)
        const scored = source?.is_installed === true && target?.is_installed === true
        return {
          tbin_utc,
          station_id,
          horizon_bins: horizon.horizon_min / 5,
          y_true: scored ? target.bikes : null,
          y_baseline_persist: forecast.bikes,
          y_pred_int: horizon.bikes_median,
          predicted_utc,
          model_version: horizon.model_version,
          bikes_q10: horizon.bikes_q10,
        }
      }),
    )
  const unique = new Map(
    rows.map((row) => [`${row.tbin_utc} ${row.station_id} ${row.horizon_bins}`, row] as const),
  )
  return [...unique.values()].sort(
    (a, b) =>
      a.tbin_utc - b.tbin_utc ||
      (a.station_id < b.station_id ? -1 : a.station_id > b.station_id ? 1 : a.horizon_bins - b.horizon_bins),
  )
}

/** Everything in the forecasts topic. */
export async function publishedForecasts({ log, codec }: Platform): Promise<Forecast[]> {
  const found: Forecast[] = []
  const subscription = await log.subscribe({
    group: 'independent-reader',
    topics: [TOPICS.forecasts],
    async batch({ topic, records }) {
      const values = records.map(({ value }) => value)
      for (const entry of await codec.decode(topic, values)) {
        if ('value' in entry && entry.name === 'Forecast') found.push(entry.value)
      }
    },
  })
  await until(async () => {
    const positions = await subscription.positions()
    const total = positions.reduce((sum, { end }) => sum + end, 0)
    return positions.length > 0 && found.length >= total
  })
  await subscription.close()
  return found
}
