import { beforeAll, describe, expect, test } from 'vitest'
import { BIN_MS, DAY_MS, floorBin } from '../../services/domain/bin.ts'
import type { Forecast } from '../../services/domain/forecast.ts'
import { MODEL_LIST_PATH } from '../../services/domain/model-pack.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { trainedModelListPath } from '../../services/platform/object-store/layout.ts'
import { installPersistencePack } from '../../services/platform/onnx/install.ts'
import type { HorizonModel } from '../../services/train/horizon-model.ts'
import {
  listModels,
  PERSISTENCE,
  promoteModel,
  rollbackModel,
  showModel,
  versionToPublish,
} from '../../services/train/model-catalogue.ts'
import type { TrainedPack } from '../../services/train/pack.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import type { Recording } from '../../services/train/recording.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { openObjectMap } from '../platform/onnx/object-map.ts'
import {
  packOf,
  recordingOf,
  START,
  sourceOf,
  type TownPoll,
  TRAINED_UNTIL,
  townModel,
  townPolls,
} from '../train/trained-town.ts'
import { openPlatform, publishPolls, readForecasts, settled, type TestPlatform } from '../windows/pipeline.ts'
import { HORIZONS } from './served-town.ts'

let polls: TownPoll[]
let training: Recording
let models: HorizonModel[]

beforeAll(async () => {
  polls = townPolls({ from: START, until: TRAINED_UNTIL + DAY_MS / 4 })
  training = await recordingOf(polls.filter(({ ts_utc }) => ts_utc < TRAINED_UNTIL))
  models = HORIZONS.map((horizon) => townModel(sourceOf(training, horizon)))
}, 60_000)

function packs(version: string): TrainedPack[] {
  return models.map((model) => packOf({ source: sourceOf(training, model.horizonMinutes), model, version }))
}
const versionsOf = ({ horizons }: Forecast): string =>
  [...new Set(horizons.map(({ model_version }) => model_version))].join(' ')

/** Forecasts of the town's polls while models are published: `between` runs after the polls before `at`. */
async function replay(
  platform: TestPlatform,
  at: number,
  between: () => Promise<unknown>,
): Promise<Forecast[]> {
  let now = 0
  const live = platform.again({ clock: { ...platform.clock, now: () => now } })
  const windows = createWindowsService(live)
  const forecast = createForecastService(live)
  await windows.start()
  await forecast.start()
  const later = polls.filter(({ ts_utc }) => ts_utc >= TRAINED_UNTIL)
  for (const part of [
    later.filter(({ ts_utc }) => ts_utc < at),
    later.filter(({ ts_utc }) => ts_utc >= at),
  ]) {
    await publishPolls(
      live,
      part.map(({ poll_id, ts_utc, fetched_utc, observations }) => ({
        poll_id,
        observations,
        poll: { fetched_utc, ts_utc },
      })),
    )
    await settled(windows)
    await settled(forecast)
    if (part[0]!.ts_utc < at) await between()
    now += 60_000
  }
  await windows.close()
  await forecast.close()
  return readForecasts(live)
}

describe('a trained pack in the running services', () => {
  const effectiveFrom = TRAINED_UNTIL + 24 * BIN_MS

  test('serves from its bin on, and the records of sampled stations carry what the models were given', async () => {
    const platform = await openPlatform({ forecast: { model_check_seconds: 1, sample_share: 0.3 } })
    const forecasts = await replay(platform, effectiveFrom - 6 * BIN_MS, async () => {
      await publishPacks({ objects: platform.objects, packs: packs('1.0.0') })
      await promoteModel({ objects: platform.objects, system: 'town', version: '1.0.0', effectiveFrom })
    })
    for (const forecast of forecasts) {
      const trained = forecast.tbin_utc >= effectiveFrom
      expect(versionsOf(forecast)).toBe(trained ? 'trees@1.0.0' : 'persistence@0.1.0')
      for (const { bikes_q10, p_bike } of forecast.horizons) {
        expect([bikes_q10 !== null, p_bike !== null]).toEqual([trained, trained])
      }
    }
    const trained = forecasts.filter(({ tbin_utc }) => tbin_utc >= effectiveFrom)
    expect(trained.length).toBeGreaterThan(300)
    expect(trained.some(({ bikes, horizons }) => horizons[1]!.bikes_mean !== bikes)).toBe(true)
    const sampled = trained.filter(({ inputs }) => inputs != null)
    const stations = new Set(sampled.map(({ station_id }) => station_id))
    const all = new Set(trained.map(({ station_id }) => station_id))
    expect(stations.size).toBeGreaterThan(1)
    expect(stations.size).toBeLessThan(all.size)
    expect(trained.filter(({ station_id }) => stations.has(station_id))).toHaveLength(sampled.length)
    const [pack] = packs('1.0.0')
    for (const { bikes, inputs } of sampled) {
      expect(inputs!.map(({ horizon_min }) => horizon_min)).toEqual(HORIZONS)
      expect(inputs![0]).toMatchObject({
        model_version: 'trees@1.0.0',
        feature_set: 'rich-1',
        features_hash: pack!.manifest.features.hash,
      })
      expect(inputs![0]!.values).toHaveLength(pack!.manifest.features.names.length)
      expect(inputs![0]!.values[0]).toBe(bikes)
    }
    const early = forecasts.find(({ tbin_utc, inputs }) => tbin_utc < effectiveFrom && inputs != null)
    expect(early!.inputs![0]).toMatchObject({
      feature_set: 'core-1',
      values: [early!.bikes, early!.docks ?? Number.NaN],
    })
    const rows = await platform.lookUps.stations('town')
    expect(rows.some(({ forecast }) => forecast !== null && 'inputs' in forecast)).toBe(false)
  })

  test('that was broken after it was promoted is passed over: persistence goes on', async () => {
    const platform = await openPlatform({ forecast: { model_check_seconds: 1 } })
    const forecasts = await replay(platform, effectiveFrom - 6 * BIN_MS, async () => {
      await publishPacks({ objects: platform.objects, packs: packs('1.0.0') })
      await promoteModel({ objects: platform.objects, system: 'town', version: '1.0.0', effectiveFrom })
      await platform.objects.put('town/models/h60/1.0.0/encoders.bin', Buffer.from('VCENC001'))
    })
    expect(new Set(forecasts.map(versionsOf))).toEqual(new Set(['persistence@0.1.0']))
    expect(forecasts.some(({ tbin_utc }) => tbin_utc >= effectiveFrom)).toBe(true)
  })

  test('of another system does not touch this one', async () => {
    const platform = await openPlatform({ forecast: { model_check_seconds: 1 } })
    const forecasts = await replay(platform, effectiveFrom, async () => {
      const others = models.map((model) =>
        packOf({ source: sourceOf(training, model.horizonMinutes), model, version: '1.0.0', system: 'city' }),
      )
      await publishPacks({ objects: platform.objects, packs: others })
      await promoteModel({ objects: platform.objects, system: 'city', version: '1.0.0', effectiveFrom })
    })
    expect(new Set(forecasts.map(versionsOf))).toEqual(new Set(['persistence@0.1.0']))
  })
})

describe('model catalogue', () => {
  const bin = (place: number): number => floorBin(TRAINED_UNTIL) + place * BIN_MS
  const objects = openObjectMap()
  const system = 'town'

  test('lists, promotes and rolls back by bins; the list keeps what was in force before', async () => {
    await publishPacks({ objects, packs: packs('1.0.0') })
    await publishPacks({ objects, packs: packs('1.0.1') })
    expect((await listModels({ objects, system })).versions).toMatchObject([
      { version: '1.0.0', effective_from: [], horizons: [{ horizon: 15, fault: null }, { horizon: 60 }] },
      { version: '1.0.1', effective_from: [] },
    ])
    await promoteModel({ objects, system, version: '1.0.0', effectiveFrom: bin(0) })
    await promoteModel({ objects, system, version: '1.0.1', effectiveFrom: bin(10) })
    const again = await promoteModel({ objects, system, version: '1.0.1', effectiveFrom: bin(10) })
    expect(again.versions).toHaveLength(2)
    const back = await rollbackModel({ objects, system, effectiveFrom: bin(20) })
    expect(back.versions.map(({ version }) => version)).toEqual(['1.0.0', '1.0.1', '1.0.0'])
    const shown = await showModel({ objects, system, version: '1.0.0' })
    expect(shown.effective_from).toEqual([bin(0), bin(20)].map((utc) => new Date(utc).toISOString()))
    expect(shown.files).toContain('town/models/h15/1.0.0/encoders.bin')
  })

  test('rolls back to persistence, which must be installed', async () => {
    await expect(
      rollbackModel({ objects, system, effectiveFrom: bin(30), to: PERSISTENCE }),
    ).rejects.toMatchObject({ code: 'model_not_found' })
    await installPersistencePack({ objects, horizons: [15] })
    await installPersistencePack({ objects, horizons: [15, 60] })
    const { versions } = await rollbackModel({ objects, system, effectiveFrom: bin(30), to: PERSISTENCE })
    expect(versions.at(-1)).toMatchObject({
      version: '0.1.0',
      horizons: {
        '15': { path: 'models/h15/0.1.0/manifest.json' },
        '60': { path: 'models/h60/0.1.0/manifest.json' },
      },
    })
    expect((await objects.get(MODEL_LIST_PATH))!.bytes.toString()).not.toContain('town')
  })

  test('refuses the past, the middle of a bin, an unknown version and a broken pack, and leaves the list', async () => {
    const before = (await objects.get(trainedModelListPath(system)))!.generation
    const promote = (version: string, effectiveFrom: number) =>
      promoteModel({ objects, system, version, effectiveFrom })
    await expect(promote('1.0.1', bin(29))).rejects.toThrow(
      /must not be before .*, from which 0.1.0 is in force/,
    )
    const fresh = openObjectMap()
    await publishPacks({ objects: fresh, packs: packs('1.0.0') })
    await expect(
      promoteModel({ objects: fresh, system, version: '1.0.0', effectiveFrom: bin(-1) }),
    ).rejects.toThrow(/up to which 1.0.0 knows what came/)
    await expect(promote('1.0.1', bin(40) + 1)).rejects.toThrow(/must be the start of a 5-minute bin/)
    await expect(promote('7.0.0', bin(40))).rejects.toMatchObject({ code: 'model_not_found' })
    await publishPacks({ objects, packs: packs('1.0.2') })
    await objects.put('town/models/h15/1.0.2/model.onnx', Buffer.from('cut'))
    await expect(promote('1.0.2', bin(40))).rejects.toMatchObject({ code: 'model_pack_invalid' })
    expect((await objects.get(trainedModelListPath(system)))!.generation).toBe(before)
  })

  test('two promotions at once both stand', async () => {
    const store = openObjectMap()
    await publishPacks({ objects: store, packs: packs('1.0.0') })
    await publishPacks({ objects: store, packs: packs('1.0.1') })
    await Promise.all(
      ['1.0.0', '1.0.1'].map((version) =>
        promoteModel({ objects: store, system, version, effectiveFrom: bin(0) }),
      ),
    )
    const { list } = await listModels({ objects: store, system })
    expect(list.versions.map(({ version }) => version).sort()).toEqual(['1.0.0', '1.0.1'])
  })

  test('versions: first 1.0.0, then a patch, a minor when features or horizons change', async () => {
    const next = (features: [number, string][]) =>
      versionToPublish({ objects, system, features: new Map(features) })
    const { hash } = packs('1.0.0')[0]!.manifest.features
    expect(await versionToPublish({ objects, system: 'city', features: new Map([[15, hash]]) })).toBe('1.0.0')
    expect(
      await next([
        [15, hash],
        [60, hash],
      ]),
    ).toBe('1.0.3')
    expect(
      await next([
        [15, hash],
        [60, 'another'],
      ]),
    ).toBe('1.1.0')
    expect(await next([[15, hash]])).toBe('1.1.0')
  })
})
