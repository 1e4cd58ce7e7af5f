import { z } from 'zod'
import type { Forecast } from './forecast.ts'

const time = z.iso.datetime()
const count = z.number().int().nonnegative()
const share = z.number().min(0).max(1).nullable()
const bikes = z.number().nonnegative()

const row = z.strictObject({
  station_id: z.string(),
  name: z.string().nullable(),
  tbin_latest: time.describe('Bin used; nothing after it was read'),
  ts_utc: time.describe('Event time of the observation used'),
  horizon_min: z.number().int().positive(),
  bikes_now: count,
  bikes_pred: bikes.describe('Mean, clipped to [0, max(capacity, bikes now)]'),
  bikes_pred_int: count.describe('Median, or the mean rounded half to even'),
  docks_pred: bikes.nullable(),
  docks_pred_int: count.nullable(),
  bikes_q10: bikes.nullable(),
  bikes_q50: bikes.nullable(),
  bikes_q90: bikes.nullable(),
  p_bike: share,
  p_dock: share,
  capacity_bin: count.nullable(),
  pred_ts_utc: time.describe('Prediction time: the fetch time of the poll'),
  target_ts_utc: time.describe('tbin_latest plus the horizon'),
  model_version: z.string(),
})

/** `<system>/serving/forecast/h{H}/latest.json`. schemas/json/serving-forecast.schema.json is made from this. */
export const servingForecastSchema = z
  .strictObject({
    schema: z.literal('velocast.serving-forecast.v1'),
    system: z.string(),
    source: z.enum(['live', 'replay', 'simulate']),
    simulated: z.boolean().describe('True when the city is not a real one'),
    generated_at: time.describe('Fetch time of the poll that gave the forecast'),
    poll_id: z.string(),
    tbin_utc: time,
    ts_utc: time,
    valid_until: time.describe('From this time on nothing here may be used'),
    horizon_min: z.number().int().positive(),
    stale: z.boolean(),
    withheld: z.boolean().describe('True when the data is too old to forecast from: data is then empty'),
    model_version: z.string().nullable(),
    stations: count.describe('Rows in data'),
    data: z.array(row),
  })
  .meta({ title: 'Latest forecasts of one horizon of one system' })
export type ServingForecast = z.infer<typeof servingForecastSchema>

/** Path of a horizon's serving file. */
export function servingPath({ system, horizon }: { system: string; horizon: number }): string {
  return `${system}/serving/forecast/h${horizon}/latest.json`
}

export interface ServingOptions {
  system: string
  source: ServingForecast['source']
  poll_id: string
  tbin_utc: number
  ts_utc: number
  fetched_utc: number
  valid_until: number
  stale: boolean
  withheld: boolean
  horizon: number
  model_version: string | null
  forecasts: readonly Forecast[]
  names: ReadonlyMap<string, string | null>
}

/** One horizon's file, rows sorted by station id. Stations without that horizon are left out. */
export function servingForecast(options: ServingOptions): ServingForecast {
  const iso = isoOfRepeated()
  const data = options.forecasts.flatMap((forecast) => {
    const found = forecast.horizons.find(({ horizon_min }) => horizon_min === options.horizon)
    if (found === undefined) return []
    return [
      {
        station_id: forecast.station_id,
        name: options.names.get(forecast.station_id) ?? null,
        tbin_latest: iso(forecast.tbin_utc),
        ts_utc: iso(forecast.ts_utc),
        horizon_min: options.horizon,
        bikes_now: forecast.bikes,
        bikes_pred: found.bikes_mean,
        bikes_pred_int: found.bikes_median,
        docks_pred: found.docks_mean,
        docks_pred_int: found.docks_median,
        bikes_q10: found.bikes_q10,
        bikes_q50: found.bikes_q50,
        bikes_q90: found.bikes_q90,
        p_bike: found.p_bike,
        p_dock: found.p_dock,
        capacity_bin: forecast.capacity,
        pred_ts_utc: iso(forecast.predicted_utc),
        target_ts_utc: iso(found.target_utc),
        model_version: found.model_version,
      },
    ]
  })
  data.sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
  return {
    schema: 'velocast.serving-forecast.v1',
    system: options.system,
    source: options.source,
    simulated: options.source === 'simulate',
    generated_at: iso(options.fetched_utc),
    poll_id: options.poll_id,
    tbin_utc: iso(options.tbin_utc),
    ts_utc: iso(options.ts_utc),
    valid_until: iso(options.valid_until),
    horizon_min: options.horizon,
    stale: options.stale,
    withheld: options.withheld,
    model_version: options.model_version,
    stations: data.length,
    data,
  }
}

/** ISO times of rows that nearly all have the same ones. */
function isoOfRepeated(): (utc: number) => string {
  const known = new Map<number, string>()
  return (utc) => {
    let text = known.get(utc)
    if (text === undefined) {
      text = new Date(utc).toISOString()
      known.set(utc, text)
    }
    return text
  }
}
