import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BIN_MS, DAY_MS, floorBin } from '../../services/domain/bin.ts'
import { momentOf } from '../../services/domain/forecasting/moment.ts'
import { RICH_FEATURES, richFeatures } from '../../services/domain/forecasting/rich-features.ts'
import { servedStations } from '../../services/domain/forecasting/served-stations.ts'
import { carryForward, gridInOrder, rowAt } from '../../services/domain/forecasting/station-grid.ts'
import type { ComputedUpdate } from '../../services/forecast/compute.ts'
import { type Inference, openInference } from '../../services/platform/onnx/inference.ts'
import type { ModelPack } from '../../services/platform/onnx/pack.ts'
import type { HorizonModel } from '../../services/train/horizon-model.ts'
import type { Recording } from '../../services/train/recording.ts'
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
import { HORIZONS, lastOfBin, loadPacks, serveTown } from './served-town.ts'

const UNTIL = TRAINED_UNTIL + 0.6 * DAY_MS
let polls: TownPoll[]
let training: Recording
let whole: Recording
let models: HorizonModel[]
let inference: Inference

beforeAll(async () => {
  inference = openInference()
  polls = townPolls({ from: START, until: UNTIL })
  training = await recordingOf(polls.filter(({ ts_utc }) => ts_utc < TRAINED_UNTIL))
  whole = await recordingOf(polls)
  models = []
  for (const horizon of HORIZONS) models.push(townModel(sourceOf(training, horizon)))
}, 60_000)
afterAll(() => inference.close())

function packs(carryMinutes = 0): Promise<Map<number, ModelPack>> {
  return loadPacks(
    models.map((model) => {
      const source = sourceOf(training, model.horizonMinutes)
      return packOf({ source, model, version: '1.0.0', carryMinutes })
    }),
    inference,
  )
}

/** Number of unequal inputs of any station and horizon against the features of the recording. */
function unequal(computed: ComputedUpdate, loaded: ReadonlyMap<number, ModelPack>, carry: number): number {
  const { update } = computed
  let differing = 0
  for (const horizon of HORIZONS) {
    const pack = loaded.get(horizon)!
    if (pack.kind !== 'trained') throw new Error('packs of the town must be trained')
    const trained = new Set(pack.encoders.places.map(({ id }) => id))
    const unknown = update.station_ids.flatMap((id, place) =>
      trained.has(id) ? [] : [{ id, lat: update.lats[place]!, lon: update.lons[place]!, capacity: null }],
    )
    const { encoders } = servedStations({ ...pack, unknown })
    const ids = encoders.places.map(({ id }) => id)
    const grid = gridInOrder(whole.grid, { from: whole.stations.map(({ id }) => id), to: ids })
    if (carry > 0) carryForward(grid, carry)
    const expected = richFeatures({
      grid,
      row: rowAt(grid, update.tbin_utc),
      moment: momentOf({ utc: update.tbin_utc, timezone: 'Europe/Paris' }),
      encoders: { horizonMinutes: horizon, ...encoders },
    })
    for (const [id, inputs] of computed.inputs) {
      const { values } = inputs.find(({ horizon_min }) => horizon_min === horizon)!
      const first = ids.indexOf(id) * RICH_FEATURES.length
      pack.manifest.features.names.forEach((name, place) => {
        if (!Object.is(values[place], expected[first + RICH_FEATURES.indexOf(name)])) differing += 1
      })
    }
  }
  return differing
}

describe('features that a forecast was made from', () => {
  test.each([0, 20])(
    'are, bit for bit, those of the recording: carried for %i minutes, with new, moved and missing stations',
    async (carry) => {
      const loaded = await packs(carry)
      const town = serveTown(loaded)
      const records = new Set(lastOfBin(polls))
      let compared = 0
      for (const poll of polls.filter(({ ts_utc }) => ts_utc >= TRAINED_UNTIL - DAY_MS / 4)) {
        town.merge(poll)
        if (!records.has(poll) || poll.ts_utc < TRAINED_UNTIL || floorBin(poll.ts_utc) % (2 * BIN_MS) !== 0)
          continue
        const computed = await town.forecast(poll)
        expect(unequal(computed, loaded, carry), poll.poll_id).toBe(0)
        compared += computed.inputs.size
      }
      expect(compared).toBeGreaterThan(800)
    },
  )

  test('stay the same when anything after T is added', async () => {
    const loaded = await packs()
    const town = serveTown(loaded)
    const now = TRAINED_UNTIL + DAY_MS / 2
    const before = polls.filter(({ ts_utc }) => ts_utc >= now - DAY_MS / 4 && ts_utc < now)
    for (const poll of before) town.merge(poll)
    const last = before.at(-1)!
    const alone = await town.forecast(last)
    // Two hours of rings that go on; slot T still comes with the update.
    const later = serveTown(loaded)
    for (const poll of [
      ...before,
      ...polls.filter(({ ts_utc }) => ts_utc >= now && ts_utc < now + 6_000_000),
    ]) {
      later.merge(poll)
    }
    const beyond = await town.forecast(last, later.window.packed())
    expect(floorBin(last.ts_utc)).toBe(alone.update.tbin_utc)
    expect(beyond.forecasts).toEqual(alone.forecasts)
    expect([...beyond.inputs]).toEqual([...alone.inputs])
    expect(alone.forecasts.length).toBeGreaterThan(10)
  })

  test('of a window that was overrun are refused', async () => {
    const town = serveTown(await packs())
    const early = polls.filter(({ ts_utc }) => ts_utc < START + DAY_MS / 4)
    for (const poll of early) town.merge(poll)
    const late = serveTown(new Map())
    for (const poll of polls.filter(({ ts_utc }) => ts_utc < START + DAY_MS / 2)) late.merge(poll)
    await expect(town.forecast(early.at(-1)!, late.window.packed())).rejects.toMatchObject({
      code: 'window_overrun',
    })
  })
})

describe('forecasts of a trained pack', () => {
  test('are whole, in order, inside of [0, max(capacity, bikes now)] and never NaN, also for unknown stations', async () => {
    const town = serveTown(await packs(20))
    let rows = 0
    let unknown = 0
    for (const [place, poll] of polls.filter(({ ts_utc }) => ts_utc >= TRAINED_UNTIL).entries()) {
      town.merge(poll)
      if (place % 3 !== 0) continue
      for (const { station_id, bikes, capacity, docks, horizons } of (await town.forecast(poll)).forecasts) {
        expect(horizons.map(({ horizon_min }) => horizon_min)).toEqual(HORIZONS)
        for (const each of horizons) {
          rows += 1
          if (station_id === 'new') unknown += 1
          const most = Math.max(capacity ?? 20, bikes)
          const { bikes_q10: low, bikes_q50: middle, bikes_q90: high, bikes_mean, p_bike, p_dock } = each
          const ordered = 0 <= low! && low! <= middle! && middle! <= high! && high! <= Math.max(most, 20)
          expect(ordered, JSON.stringify(each)).toBe(true)
          expect([low, middle, high].every(Number.isInteger) && each.bikes_median === middle).toBe(true)
          expect(bikes_mean >= 0 && bikes_mean <= Math.max(most, 20)).toBe(true)
          expect(p_bike! > 0 && p_bike! < 1).toBe(true)
          expect(docks === null ? p_dock === null : p_dock! > 0 && p_dock! < 1).toBe(true)
          expect(each.docks_mean === null).toBe(docks === null)
          expect(each.model_version).toBe('trees@1.0.0')
        }
      }
    }
    expect(rows).toBeGreaterThan(1000)
    expect(unknown).toBeGreaterThan(50)
  })
})
