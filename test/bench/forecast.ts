import { pino } from 'pino'
import { Registry } from 'prom-client'
import { BIN_MS } from '../../services/domain/bin.ts'
import { CORE_FEATURES, computeFeatures } from '../../services/domain/features.ts'
import { WINDOW_ROW } from '../../services/domain/forecasting/window-grid.ts'
import { readHistory } from '../../services/domain/forecasting/window-history.ts'
import { readWindow } from '../../services/domain/ring.ts'
import type { SystemWindow } from '../../services/domain/system-window.ts'
import { computeUpdate } from '../../services/forecast/compute.ts'
import { createForecastMetrics } from '../../services/forecast/metrics.ts'
import type { LookUp } from '../../services/platform/look-up-store/port.ts'
import { openRedisLookUpStore } from '../../services/platform/look-up-store/redis.ts'
import { openInference } from '../../services/platform/onnx/inference.ts'
import { loadModelPack, type ModelPack } from '../../services/platform/onnx/pack.ts'
import { buildPersistencePack } from '../../services/platform/onnx/persistence-pack.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import { forecastOf, lookUp } from '../platform/look-up-store.conformance.ts'
import { openObjectMap } from '../platform/onnx/object-map.ts'
import { startRedis } from '../stack/redis.ts'
import { type Benchmark, type Figure, milliseconds, timed } from './benchmark.ts'
import { CITY } from './simulated-city.ts'
import { gridOf, trainedCityPacks, updateOf, wholeWindow } from './trained-city.ts'

/** Lags that the core features read. */
const LAGS = [0, 1, 2, 3, 6, 12, 24, 36, 48]
const HORIZONS = [15, 60]
/** Updates before those that count: what is hot in a service is compiled by then. */
const WARM = 20

/** What a forecast of 1,500 stations is made of: features, the model's batch, the look-ups in Redis. */
export const forecast: Benchmark = {
  name: 'forecast',
  async run({ quick }) {
    const runs = quick ? 5 : 40
    const window = wholeWindow()
    const rings = [...window.packed().values()]
    const tbin = window.newestBin!
    const features = await timed({
      runs,
      clock: 'processor',
      repeat: 5,
      work: () => {
        for (const ring of rings) {
          const { window: past } = readWindow({ ring, tbin, lags: LAGS })
          computeFeatures({
            window: past,
            station: { name: null, lat: null, lon: null },
            names: CORE_FEATURES,
          })
        }
      },
    })
    const inference = openInference()
    const model = await inference.load(buildPersistencePack([15]).files[0]!.bytes)
    const batch = await timed({
      runs,
      work: () =>
        model.run({
          input: 'features',
          outputs: ['bikes_mean', 'docks_mean'],
          values: new Float32Array(rings.length * 2),
          rows: rings.length,
          columns: 2,
        }),
    })
    await inference.close()
    return [
      figure(
        `${CORE_FEATURES.length} core features of 1,500 stations from their windows, processor time`,
        features,
      ),
      figure('persistence model, batch of 1,500, to its thread and back', batch),
      ...(await trainedPack(window, runs)),
      ...(await lookUps([...window.packed().keys()], runs)),
    ]
  },
}

/** Both horizons of a whole trained pack: windows, grid, features, eight ensembles, calibration, forecasts. */
async function trainedPack(window: SystemWindow, runs: number): Promise<Figure[]> {
  const packed = window.packed()
  const update = updateOf(window)
  const objects = openObjectMap()
  const inference = openInference()
  const packs = new Map<number, ModelPack>()
  for (const [horizon, pack] of trainedCityPacks({ window, horizons: HORIZONS })) {
    const horizons = await publishPacks({ objects, packs: [pack] })
    const version = { version: '1.0.0', effective_from: new Date(0).toISOString(), horizons }
    packs.set(horizon, await loadModelPack({ objects, inference, system: CITY, horizon, version }))
  }
  const metrics = createForecastMetrics(new Registry())
  const logger = pino({ level: 'silent' })
  const windows = { read: async (_: string, ids: readonly string[]) => ids.map((id) => packed.get(id)!) }
  const rows = await timed({
    runs: runs * 3,
    work: () => readHistory({ grid: gridOf(update, packed), row: WINDOW_ROW }),
  })
  const before = process.cpuUsage()
  const whole = await timed({
    runs,
    warm: WARM,
    work: () =>
      computeUpdate({
        update,
        packs,
        horizons: HORIZONS,
        windows,
        metrics,
        logger,
        stale_minutes: 10,
        withhold_minutes: 60,
        sample_share: 0.02,
      }),
  })
  const { user, system } = process.cpuUsage(before)
  await inference.close()
  return [
    figure('windows of 1,500 stations as a grid, and its history', rows),
    {
      ...figure('a whole trained pack: 2 horizons of 1,500 stations, features included', whole),
      asked: '60 ms',
    },
    {
      work: 'the same, processor time of all threads, mean',
      asked: '',
      aim: '',
      measured: `${((user + system) / 1000 / (runs + WARM)).toFixed(1)} ms`,
    },
  ]
}

async function lookUps(ids: string[], runs: number): Promise<Figure[]> {
  const redis = await startRedis()
  const store = openRedisLookUpStore({ url: redis.url, logger: pino({ level: 'silent' }) })
  try {
    const written = await timed({
      runs,
      work: async (run) => {
        const rows = ids.map((id, place) => forecastRow({ id, place, tbin_utc: BIN_MS * (run + 1) }))
        const system = systemOf(run, rows.length)
        await store.publish({ system, rows, ttlSeconds: 600 })
      },
    })
    const read = await timed({ runs, work: () => store.stations(CITY) })
    return [
      figure(
        'look-ups of 1,500 stations, a whole forecast of 2 horizons each (41 fields), into Redis',
        written,
      ),
      figure('the same out of Redis', read),
    ]
  } finally {
    await store.close()
    await redis.stop()
  }
}

/** A station with everything that a trained pack says of it. */
function forecastRow({ id, place, tbin_utc }: { id: string; place: number; tbin_utc: number }): LookUp {
  const row = { ...lookUp(CITY, id), tbin_utc }
  const horizons = HORIZONS.map((horizon_min) => ({
    horizon_min,
    target_utc: tbin_utc + horizon_min * 60_000,
    bikes_mean: Math.fround(3.7 + place / 7),
    bikes_median: 4,
    docks_mean: Math.fround(11.3 + place / 9),
    docks_median: 11,
    bikes_q10: 2,
    bikes_q50: 4,
    bikes_q90: 6,
    p_bike: Math.fround(0.93),
    p_dock: Math.fround(0.87),
    model_version: 'trees@1.0.0',
  }))
  return { ...row, forecast: forecastOf(row, horizons) }
}

function systemOf(run: number, stations: number) {
  const tbin_utc = BIN_MS * (run + 1)
  return {
    system: CITY,
    source: 'simulate' as const,
    poll_id: `poll-${run}`,
    outcome: 'ok',
    tbin_utc,
    ts_utc: tbin_utc,
    fetched_utc: tbin_utc + 5_000,
    stations,
    stale: false,
    withheld: false,
    horizons: [15, 60],
    model_versions: { 15: '0.1.0', 60: '0.1.0' },
  }
}

function figure(work: string, times: readonly number[]): Figure {
  return { work, asked: '', aim: '', measured: milliseconds(times) }
}
