import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Forecast } from '../../services/domain/forecast.ts'
import {
  type ServingOptions,
  servingForecast,
  servingForecastSchema,
} from '../../services/domain/serving-forecast.ts'
import { BIN } from './observations.ts'

const published = JSON.parse(
  readFileSync(new URL('../../schemas/json/serving-forecast.schema.json', import.meta.url), 'utf8'),
)

function forecast(station_id: string, horizons = [15]): Forecast {
  return {
    system: 'town',
    station_id,
    poll_id: 'p',
    tbin_utc: BIN,
    ts_utc: BIN + 1,
    predicted_utc: BIN + 2,
    valid_until: BIN + 3,
    stale: false,
    bikes: 4,
    docks: null,
    capacity: null,
    horizons: horizons.map((horizon_min) => ({
      horizon_min,
      target_utc: BIN + horizon_min * 60_000,
      bikes_mean: 3.5,
      bikes_median: 4,
      docks_mean: null,
      docks_median: null,
      bikes_q10: 1,
      bikes_q50: 3,
      bikes_q90: 8,
      p_bike: 0.9,
      p_dock: null,
      model_version: 'm@1.0.0',
    })),
  }
}
const options = (forecasts: Forecast[]): ServingOptions => ({
  system: 'town',
  source: 'simulate',
  poll_id: 'p',
  tbin_utc: BIN,
  ts_utc: BIN + 1,
  fetched_utc: BIN + 2,
  valid_until: BIN + 3,
  stale: false,
  withheld: false,
  horizon: 15,
  model_version: 'm@1.0.0',
  forecasts,
  names: new Map([['b', 'Gare']]),
})

test('the published JSON schema is the one that the code holds itself to', () => {
  expect(published).toEqual(z.toJSONSchema(servingForecastSchema))
})

test('a serving file fits its published schema, rows sorted by station, simulated ones marked', () => {
  const file = servingForecast(options([forecast('b'), forecast('a'), forecast('c', [60])]))
  const schema = z.fromJSONSchema(published)
  expect(schema.parse(JSON.parse(JSON.stringify(file)))).toEqual(file)
  expect(file).toMatchObject({ simulated: true, stations: 2 })
  expect(file.data.map(({ station_id, name }) => [station_id, name])).toEqual([
    ['a', null],
    ['b', 'Gare'],
  ])
  expect(schema.safeParse({ ...file, data: [{ ...file.data[0], bikes_pred: -1 }] }).success).toBe(false)
  expect(schema.safeParse({ ...file, more: 1 }).success).toBe(false)
})
