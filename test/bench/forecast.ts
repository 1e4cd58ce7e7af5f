import { pino } from 'pino'
import { BIN_MS } from '../../services/domain/bin.ts'
import { CORE_FEATURES, computeFeatures } from '../../services/domain/features.ts'
import { readWindow } from '../../services/domain/ring.ts'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { openRedisLookUpStore } from '../../services/platform/look-up-store/redis.ts'
import { openInference } from '../../services/platform/onnx/inference.ts'
import { buildPersistencePack } from '../../services/platform/onnx/persistence-pack.ts'
import { lookUp } from '../platform/look-up-store.conformance.ts'
import { startRedis } from '../stack/redis.ts'
import { type Benchmark, type Figure, milliseconds, timed } from './benchmark.ts'
import { CITY, cityPolls, observationsOf } from './simulated-city.ts'

/** Lags that the core features read. */
const LAGS = [0, 1, 2, 3, 6, 12, 24, 36, 48]

/** What a forecast of 1,500 stations is made of: features, the model's batch, the look-ups in Redis. */
export const forecast: Benchmark = {
  name: 'forecast',
  async run({ quick }) {
    const runs = quick ? 5 : 40
    const window = new SystemWindow(CITY)
    let place = 0
    for (const poll of cityPolls({ polls: 49 })) {
      const ts_utc = poll.fetched_utc + place * BIN_MS
      window.merge(observationsOf(poll).map((row) => ({ ...row, ts_utc })))
      place += 1
    }
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
      ...(await lookUps([...window.packed().keys()], runs)),
    ]
  },
}

async function lookUps(ids: string[], runs: number): Promise<Figure[]> {
  const redis = await startRedis()
  const store = openRedisLookUpStore({ url: redis.url, logger: pino({ level: 'silent' }) })
  try {
    const written = await timed({
      runs,
      work: async (run) => {
        const rows = ids.map((id) => ({ ...lookUp(CITY, id), tbin_utc: BIN_MS * (run + 1) }))
        const system = systemOf(run, rows.length)
        await store.publish({ system, rows, ttlSeconds: 600 })
      },
    })
    const read = await timed({ runs, work: () => store.stations(CITY) })
    return [
      figure('look-ups of 1,500 stations into Redis', written),
      figure('look-ups of 1,500 stations out of Redis', read),
    ]
  } finally {
    await store.close()
    await redis.stop()
  }
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
