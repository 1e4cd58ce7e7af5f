import { afterEach, expect, test } from 'vitest'
import { type RunningApi, startApi } from './api.ts'
import { CITY } from './built-city.ts'

let running: RunningApi
afterEach(() => running.api.close())

const manifestOf = (mae_model: number): string =>
  JSON.stringify({
    stations: 40,
    trained: { from: '2026-03-02T00:00:00Z', until: '2026-03-10T00:00:00Z', rows: 8000 },
    metrics: { gate: { rows: 5000, mae_model, mae_persistence: 2 } },
  })
const entry = (version: string, effective_from: string, horizons: number[]): object => ({
  version,
  effective_from,
  horizons: Object.fromEntries(
    horizons.map((horizon) => [
      horizon,
      { path: `${CITY}/models/h${horizon}/${version}/manifest.json`, sha256: '0'.repeat(64) },
    ]),
  ),
})
const versions = [
  entry('1.0.0', '2026-03-10T08:00:00Z', [15, 60]),
  entry('1.0.1', '2026-03-10T09:00:00Z', [15, 60]),
]

test('gives the newest version with the figures of its gate and of what it served', async () => {
  const row = { horizon_min: 60, n: 100, mae_model: 1.5, mae_persistence: 1.9 }
  running = await startApi({
    objects: {
      [`${CITY}/models/latest.json`]: JSON.stringify({ versions }),
      [`${CITY}/models/h15/1.0.1/manifest.json`]: '{"half":',
      [`${CITY}/models/h60/1.0.1/manifest.json`]: manifestOf(1.8),
      [`${CITY}/monitoring/data/performance/latest/by_model.json`]: JSON.stringify({
        rows: [
          { ...row, model_version: 'trees@1.0.1' },
          { ...row, mae_model: 9, model_version: 'trees@1.0.0' },
        ],
      }),
    },
  })
  const { status, body } = await running.get(`/v1/systems/${CITY}/model`)
  expect(status).toBe(200)
  expect(body).toEqual({
    system: CITY,
    version: '1.0.1',
    effective_from: Date.parse('2026-03-10T09:00:00Z'),
    trained: {
      from_utc: Date.parse('2026-03-02T00:00:00Z'),
      until_utc: Date.parse('2026-03-10T00:00:00Z'),
      stations: 40,
      rows: 8000,
    },
    horizons: [
      { horizon_min: 15, gate: null, served: null },
      {
        horizon_min: 60,
        gate: { n: 5000, mae_model: 1.8, mae_persistence: 2 },
        served: { n: 100, mae_model: 1.5, mae_persistence: 1.9 },
      },
    ],
    first_minutes: null,
  })
})

test('says null before there is a model, and 404 of a system that nobody knows', async () => {
  running = await startApi()
  expect((await running.get(`/v1/systems/${CITY}/model`)).body).toMatchObject({ version: null, horizons: [] })
  expect((await running.get('/v1/systems/nowhere/model')).status).toBe(404)
})
