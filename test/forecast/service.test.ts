import { describe, expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import { FEATURE_SET, featuresHash } from '../../services/domain/features.ts'
import type { Forecast } from '../../services/domain/forecast.ts'
import {
  MODEL_LIST_PATH,
  type ModelList,
  type PackManifest,
  packDirectory,
} from '../../services/domain/model-pack.ts'
import { servingForecastSchema } from '../../services/domain/serving-forecast.ts'
import { createForecastService, type ForecastOptions } from '../../services/forecast/service.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { encodeModel } from '../../services/platform/onnx/onnx-model.ts'
import { sha256 } from '../../services/platform/onnx/persistence-pack.ts'
import type { Platform } from '../../services/platform/service.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { BIN } from '../domain/observations.ts'
import {
  openPlatform,
  type Poll,
  pollOf,
  publishPolls,
  readForecasts,
  readTopic,
  runThrough,
  settled,
  type TestPlatform,
} from '../windows/pipeline.ts'

const minute = 60_000

async function forecastAll(platform: TestPlatform, options?: ForecastOptions): Promise<Forecast[]> {
  await runThrough(createWindowsService(platform))
  await runThrough(createForecastService(platform, options))
  return readForecasts(platform)
}
const serving = async (platform: Platform, horizon = 15) => {
  const object = await platform.objects.get(`town/serving/forecast/h${horizon}/latest.json`)
  return object === null ? null : servingForecastSchema.parse(JSON.parse(object.bytes.toString('utf8')))
}
async function metric(platform: Platform, line: RegExp): Promise<number> {
  return Number(line.exec(await platform.metrics.metrics())?.[1] ?? Number.NaN)
}
/** Half-bin polls of two stations whose counts never repeat. */
function polls(from: number, to: number): Poll[] {
  return Array.from({ length: to - from }, (_, step) => {
    const place = from + step
    const ts_utc = BIN + place * (BIN_MS / 2)
    return pollOf({
      poll_id: `poll-${String(place).padStart(4, '0')}`,
      ts_utc,
      bikes: { a: place % 29, b: (7 * place) % 31 },
    })
  })
}

/** A model that reads history: bikes now + 0.5 (bikes now − bikes 48 bins ago), unknown values as 0. */
async function putTrendModel(platform: TestPlatform, version: string, from: number, lag = 48): Promise<void> {
  const names = ['bikes', `bikes_lag${lag}`]
  const floats = (name: string, values: number[], dims: number[]) => {
    const raw_data = Buffer.alloc(4 * values.length)
    values.forEach((value, place) => {
      raw_data.writeFloatLE(value, 4 * place)
    })
    return { name, dims, data_type: 1, raw_data }
  }
  const horizons: ModelList['versions'][number]['horizons'] = {}
  for (const horizon of [15, 60]) {
    const model = encodeModel({
      ir_version: 8,
      opsets: { '': 15 },
      doc: '',
      graph: 'trend',
      initializers: [floats('weights', [1.5, -0.5], [2, 1]), floats('zero', [0], [1])],
      inputs: [{ name: 'features', shape: ['n', 2] }],
      outputs: [{ name: 'mean', shape: ['n', 1] }],
      nodes: [
        { name: 'unknown', op_type: 'IsNaN', input: ['features'], output: ['unknown'] },
        { name: 'known', op_type: 'Where', input: ['unknown', 'zero', 'features'], output: ['known'] },
        { name: 'trend', op_type: 'MatMul', input: ['known', 'weights'], output: ['mean'] },
      ],
    })
    const manifest: PackManifest = {
      name: 'trend',
      version,
      horizon_min: horizon,
      features: { set: FEATURE_SET, names, hash: featuresHash(names) },
      input: 'features',
      outputs: { bikes_mean: 'mean' },
      sha256: sha256(model),
      ir_version: 8,
      opset: 15,
      golden: { inputs: [[10, 4]], outputs: { bikes_mean: [13] }, tolerance: 1e-6 },
      created_from: null,
    }
    const directory = packDirectory({ horizon, version })
    const bytes = Buffer.from(JSON.stringify(manifest))
    await platform.objects.put(`${directory}/model.onnx`, model)
    await platform.objects.put(`${directory}/manifest.json`, bytes)
    horizons[horizon] = { path: `${directory}/manifest.json`, sha256: sha256(bytes) }
  }
  const found = await platform.objects.get(MODEL_LIST_PATH)
  const list: ModelList = found === null ? { versions: [] } : JSON.parse(found.bytes.toString('utf8'))
  list.versions.push({ version, effective_from: new Date(from).toISOString(), horizons })
  await platform.objects.put(MODEL_LIST_PATH, Buffer.from(JSON.stringify(list)))
}

describe('forecast service', () => {
  test('each update gives a forecast for every station and horizon: topic, look-ups and serving files agree', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [pollOf({ poll_id: 'one', ts_utc: BIN + minute, bikes: { b: 2, a: 31 } })])
    const forecasts = await forecastAll(platform)
    const horizon = (horizon_min: number, bikes: number, docks: number) => ({
      horizon_min,
      target_utc: BIN + horizon_min * minute,
      bikes_mean: bikes,
      bikes_median: bikes,
      docks_mean: docks,
      docks_median: docks,
      bikes_q10: null,
      bikes_q50: null,
      bikes_q90: null,
      p_bike: null,
      p_dock: null,
      model_version: 'persistence@0.1.0',
    })
    const common = {
      system: 'town',
      poll_id: 'one',
      tbin_utc: BIN,
      ts_utc: BIN + minute,
      predicted_utc: BIN + minute + 10_000,
      valid_until: BIN + 61 * minute,
      stale: false,
      capacity: 30,
      inputs: null,
    }
    expect(forecasts).toEqual([
      {
        ...common,
        station_id: 'a',
        bikes: 31,
        docks: null,
        horizons: [15, 60].map((h) => ({ ...horizon(h, 31, 0), docks_mean: null, docks_median: null })),
      },
      { ...common, station_id: 'b', bikes: 2, docks: 28, horizons: [horizon(15, 2, 28), horizon(60, 2, 28)] },
    ])
    const [record] = await readTopic(platform, TOPICS.forecasts)
    expect(record).toMatchObject({
      key: 'town/a',
      headers: {
        ce_id: `one/${BIN}/a`,
        ce_source: 'velocast/forecast/town',
        ce_type: 'velocast.forecast.v1',
      },
    })
    const rows = await platform.lookUps.stations('town')
    expect(rows.map(({ forecast }) => ({ ...forecast, inputs: null }))).toEqual(forecasts)
    expect(rows[1]).toMatchObject({ name: 'Gare b', bikes: 2, docks: 28, in_service: true, tbin_utc: BIN })
    expect(await platform.lookUps.system('town')).toMatchObject({
      source: 'replay',
      stations: 2,
      stale: false,
      withheld: false,
      horizons: [15, 60],
      model_versions: { '15': 'persistence@0.1.0', '60': 'persistence@0.1.0' },
      sequence: 1,
    })
    for (const h of [15, 60]) {
      expect(await serving(platform, h)).toMatchObject({
        system: 'town',
        horizon_min: h,
        generated_at: new Date(BIN + minute + 10_000).toISOString(),
        stations: 2,
        data: [
          { station_id: 'a', bikes_pred: 31, bikes_pred_int: 31, capacity_bin: 30 },
          { station_id: 'b', name: 'Gare b', target_ts_utc: new Date(BIN + h * minute).toISOString() },
        ],
      })
    }
  })

  test('adding any observation after T leaves the forecast for T identical', async () => {
    const forecastsOf = async (all: Poll[]): Promise<Forecast[]> => {
      const platform = await openPlatform()
      await putTrendModel(platform, '1.0.0', 0)
      await publishPolls(platform, all)
      return forecastAll(platform)
    }
    const known = await forecastsOf(polls(0, 110))
    // The windows run through to the end before the first forecast is made: 24 bins ahead of the last poll of `known`.
    const beyond = await forecastsOf(polls(0, 110 + 48))
    const last = (all: Forecast[]) => all.filter(({ poll_id }) => poll_id === 'poll-0109')
    expect(last(known).map(({ horizons }) => horizons.length)).toEqual([2, 2])
    expect(last(known).some(({ bikes, horizons }) => horizons[0]!.bikes_mean !== bikes)).toBe(true)
    expect(last(beyond)).toEqual(last(known))
  })

  test('a bucket that is missing stops the start; a model list that is refused is waited out', async () => {
    const platform = await openPlatform()
    const refusing = new VelocastError({
      code: 'store_bucket_missing',
      message: 'store has no such bucket: nowhere',
    })
    const missing = createForecastService({
      ...platform,
      objects: Object.assign(Object.create(platform.objects), { get: () => Promise.reject(refusing) }),
    })
    await expect(missing.start()).rejects.toBe(refusing)
    await missing.close()
    await platform.objects.put('models/latest.json', Buffer.from('{"versions": ['))
    const waiting = createForecastService(platform.again())
    await waiting.start()
    await waiting.close()
  })

  test('windows run far ahead and forecast started late give the same forecasts', async () => {
    const all = polls(0, 146)
    const inStep = await openPlatform()
    await putTrendModel(inStep, '1.0.0', 0)
    const windows = createWindowsService(inStep)
    const forecast = createForecastService(inStep)
    await windows.start()
    await forecast.start()
    for (const poll of all) {
      await publishPolls(inStep, [poll])
      await settled(windows)
      await settled(forecast)
    }
    await windows.close()
    await forecast.close()
    const expected = await readForecasts(inStep)

    // 146 half-bin polls fill 73 bins: for bins 48 and on the windows are at most 24 bins ahead.
    const late = await openPlatform()
    await putTrendModel(late, '1.0.0', 0)
    await publishPolls(late, all)
    const given = await forecastAll(late)
    const from48 = (forecasts: Forecast[]) =>
      forecasts.filter(({ tbin_utc }) => tbin_utc >= BIN + 48 * BIN_MS)
    expect(given).toEqual(from48(expected))
    expect(given).toHaveLength(100)
    expect(given.some(({ bikes, horizons }) => horizons[0]!.bikes_mean !== bikes)).toBe(true)
  })

  test('beyond the 24 extra slots an update is refused with window_overrun, counted and never computed', async () => {
    const platform = await openPlatform()
    await putTrendModel(platform, '1.0.0', 0)
    await publishPolls(platform, polls(0, 150))
    const forecasts = await forecastAll(platform)
    // The newest bin is 74, so the first 100 polls, of bins 0 to 49, lag more than 24 bins behind.
    const ids = (all: { poll_id: string }[]) => [...new Set(all.map(({ poll_id }) => poll_id))].sort()
    expect(ids(forecasts)).toEqual(ids(polls(100, 150)))
    expect(await metric(platform, /velocast_forecast_updates_total\{result="refused"\} (\d+)/)).toBe(100)
    expect(await metric(platform, /velocast_forecast_missing_total\{reason="window_overrun"\} (\d+)/)).toBe(
      200,
    )
    const lag = await platform.log.lag(GROUPS.forecast, [TOPICS.windowUpdates])
    expect(lag.every(({ committed, end }) => (committed ?? 0) === end)).toBe(true)
  })

  test('a model published while the service runs takes over at its bin, for all horizons, without a restart', async () => {
    const platform = await openPlatform({ forecast: { model_check_seconds: 1 } })
    let now = 0
    const live = platform.again({ clock: { ...platform.clock, now: () => now } })
    const windows = createWindowsService(live)
    const forecast = createForecastService(live)
    await windows.start()
    await forecast.start()
    const run = async (some: Poll[]) => {
      await publishPolls(live, some)
      await settled(windows)
      await settled(forecast)
    }
    await run(polls(0, 4))
    await putTrendModel(platform, '1.0.0', BIN + 3 * BIN_MS)
    now = 1_000
    await run(polls(4, 10))
    await windows.close()
    await forecast.close()
    const versions = (await readForecasts(live))
      .filter(({ station_id }) => station_id === 'a')
      .map(({ tbin_utc, horizons }) => [
        (tbin_utc - BIN) / BIN_MS,
        ...horizons.map(({ model_version }) => model_version),
      ])
    const [old, young] = ['persistence@0.1.0', 'trend@1.0.0']
    expect(versions).toEqual([
      [0, old, old],
      [0, old, old],
      [1, old, old],
      [1, old, old],
      [2, old, old],
      [2, old, old],
      [3, young, young],
      [3, young, young],
      [4, young, young],
      [4, young, young],
    ])
  })

  test('a replay uses, bin by bin, the models that the live run used', async () => {
    const platform = await openPlatform()
    await putTrendModel(platform, '1.0.0', 0)
    await putTrendModel(platform, '1.1.0', BIN + 2 * BIN_MS)
    await publishPolls(platform, polls(0, 8))
    const versions = (await forecastAll(platform)).map(({ tbin_utc, horizons }) => [
      (tbin_utc - BIN) / BIN_MS,
      horizons[0]?.model_version,
    ])
    expect(new Set(versions.map((pair) => pair.join(' ')))).toEqual(
      new Set(['0 trend@1.0.0', '1 trend@1.0.0', '2 trend@1.1.0', '3 trend@1.1.0']),
    )
  })

  test('a stop between any two steps ends with the same forecasts (some twice), look-ups and files', async () => {
    const all = polls(0, 40)
    const whole = await openPlatform()
    await publishPolls(whole, all)
    const expected = await forecastAll(whole)
    for (const step of ['computed', 'published', 'looked_up', 'served', 'committed'] as const) {
      const platform = await openPlatform()
      await publishPolls(platform, all)
      await runThrough(createWindowsService(platform))
      const service = createForecastService(platform.again(), {
        fault: (reached) => {
          if (reached === step) throw new Error('stopped')
        },
      })
      await service.start()
      await expect(settled(service), step).rejects.toThrow('stopped')
      await service.close()
      const last = platform.again()
      await runThrough(createForecastService(last))
      const given = await readForecasts(last)
      const texts = new Set(given.map((forecast) => JSON.stringify(forecast)))
      expect([...texts].sort(), step).toEqual(expected.map((forecast) => JSON.stringify(forecast)).sort())
      expect(await last.lookUps.stations('town'), step).toEqual(await whole.lookUps.stations('town'))
      expect(await serving(last), step).toEqual(await serving(whole))
    }
  })

  test('data past stale_minutes marks forecasts stale; past withhold_minutes there are stations but no forecasts', async () => {
    const platform = await openPlatform()
    const unchanged = (poll_id: string, age: number): Poll => ({
      poll_id,
      poll: { outcome: 'unchanged', fetched_utc: BIN + age * minute },
    })
    const ok = pollOf({ poll_id: 'fresh', ts_utc: BIN, fetched_utc: BIN + 10 * minute, bikes: { a: 3 } })
    await publishPolls(platform, [ok, unchanged('old', 11), unchanged('limit', 60)])
    await forecastAll(platform)
    const stale = (await readForecasts(platform)).map(({ poll_id, stale }) => [poll_id, stale])
    expect(stale).toEqual([
      ['fresh', false],
      ['old', true],
      ['limit', true],
    ])
    expect(await platform.lookUps.system('town')).toMatchObject({ stale: true, withheld: false })
    expect(await serving(platform)).toMatchObject({ stale: true, withheld: false, stations: 1 })

    await publishPolls(platform, [unchanged('too-old', 61)])
    const later = platform.again()
    await forecastAll(later)
    expect((await readForecasts(later)).some(({ poll_id }) => poll_id === 'too-old')).toBe(false)
    expect(await later.lookUps.stations('town')).toMatchObject([
      { station_id: 'a', bikes: 3, forecast: null },
    ])
    expect(await later.lookUps.system('town')).toMatchObject({ stale: true, withheld: true, stations: 1 })
    expect(await serving(later)).toMatchObject({ withheld: true, stations: 0, data: [], model_version: null })
  })

  test('a station without known bikes has a look-up and no forecast; one without an observation in T has neither', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [
      pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { gone: 1 } }),
      pollOf({ poll_id: 'two', ts_utc: BIN + BIN_MS, bikes: { a: null, b: 1 } }),
    ])
    const forecasts = await forecastAll(platform)
    expect(forecasts.map(({ poll_id, station_id }) => [poll_id, station_id])).toEqual([
      ['one', 'gone'],
      ['two', 'b'],
    ])
    const rows = await platform.lookUps.stations('town')
    expect(
      rows.map(({ station_id, forecast, tbin_utc }) => [station_id, forecast !== null, tbin_utc]),
    ).toEqual([
      ['a', false, BIN + BIN_MS],
      ['b', true, BIN + BIN_MS],
      ['gone', true, BIN],
    ])
    expect(await metric(platform, /velocast_forecast_missing_total\{reason="bikes_unknown"\} (\d+)/)).toBe(1)
    expect(await metric(platform, /velocast_forecast_missing_total\{reason="no_observation"\} (\d+)/)).toBe(1)
  })

  test('an older serving file never replaces a newer one, and one that cannot be read is written over', async () => {
    const platform = await openPlatform()
    const path = 'town/serving/forecast/h15/latest.json'
    await publishPolls(platform, [pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { a: 1 } })])
    await platform.objects.put(path, Buffer.from('{"half'))
    await forecastAll(platform)
    const first = await serving(platform)
    expect(first?.poll_id).toBe('one')
    const newer = { ...first, poll_id: 'newer', generated_at: new Date(BIN + 3 * minute).toISOString() }
    await platform.objects.put(path, Buffer.from(JSON.stringify(newer)))
    await publishPolls(platform, [{ poll_id: 'two', poll: { fetched_utc: BIN + 2 * minute } }])
    await forecastAll(platform.again())
    expect((await serving(platform))?.poll_id).toBe('newer')
    expect((await serving(platform, 60))?.poll_id).toBe('two')
  })

  test('many updates waiting are all published, and the files are written once a batch', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, polls(0, 30))
    await runThrough(createWindowsService(platform))
    const before = platform.objects.writes.length
    await runThrough(createForecastService(platform))
    expect(await readForecasts(platform)).toHaveLength(60)
    const files = platform.objects.writes.slice(before).filter((path) => path.includes('/serving/'))
    expect(files.length).toBe(2)
  })

  test('an object store that is away for a while holds the batch back; forecasts are not published twice for it', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, polls(0, 5))
    await runThrough(createWindowsService(platform))
    let away = 2
    const objects = {
      ...platform.objects,
      put: async (...call: Parameters<typeof platform.objects.put>) => {
        if (call[0].includes('/serving/') && away-- > 0) {
          throw new VelocastError({ code: 'store_unreachable', message: 'away', retryable: true })
        }
        return platform.objects.put(...call)
      },
    }
    await runThrough(createForecastService(platform.again({ objects })))
    expect(away).toBeLessThan(0)
    expect(await readForecasts(platform)).toHaveLength(10)
    expect((await serving(platform))?.poll_id).toBe('poll-0004')
  })
})
