import { BIN_MS } from '../../services/domain/bin.ts'
import { ENSEMBLES, fitCalibration } from '../../services/domain/forecasting/calibration.ts'
import { momentOf } from '../../services/domain/forecasting/moment.ts'
import { type Neighbourhood, neighbourhood } from '../../services/domain/forecasting/neighbours.ts'
import { activityClasses } from '../../services/domain/forecasting/persistence-guard.ts'
import { buildProfile, emptyProfileSums } from '../../services/domain/forecasting/profile.ts'
import { RICH_FEATURES, richFeatures } from '../../services/domain/forecasting/rich-features.ts'
import type { StationGrid } from '../../services/domain/forecasting/station-grid.ts'
import type { StationPlace } from '../../services/domain/forecasting/station-place.ts'
import { WINDOW_ROW, windowGrid } from '../../services/domain/forecasting/window-grid.ts'
import { readSlot } from '../../services/domain/slot.ts'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { SLOT_BYTES, type WindowUpdate } from '../../services/domain/window.ts'
import type { TreeEnsemble } from '../../services/platform/onnx/tree-ensemble.ts'
import { ensembleOutputs } from '../../services/train/ensembles.ts'
import { columnsOf, type HorizonModel } from '../../services/train/horizon-model.ts'
import { buildPack, type TrainedPack } from '../../services/train/pack.ts'
import { createRandom } from '../../services/train/random.ts'
import { CITY, cityPolls, observationsOf } from './simulated-city.ts'

/** Sizes of the models that the recorded cities gave: 60 to 150 trees an ensemble, 40 leaves, 53 features. */
const TREES = 120
const LEAVES = 40
const LEFT_OUT = ['network_change_15', 'network_change_60']

/** The windows of a city whose 49 bins all have a poll. */
export function wholeWindow({ start }: { start?: number } = {}): SystemWindow {
  const window = new SystemWindow(CITY)
  let place = 0
  for (const poll of cityPolls({ polls: 49, ...(start === undefined ? {} : { start }) })) {
    const ts_utc = poll.fetched_utc + place * BIN_MS
    window.merge(observationsOf(poll).map((row) => ({ ...row, ts_utc })))
    place += 1
  }
  return window
}

export function updateOf(window: SystemWindow): WindowUpdate {
  return window.update({
    poll_id: 'poll',
    outcome: 'ok',
    source: 'simulate',
    fetched_utc: window.newestBin! + BIN_MS,
  })!
}

export function gridOf(update: WindowUpdate, rings: ReadonlyMap<string, Buffer>): StationGrid {
  const known = update.station_ids.map((id, place) => ({
    place,
    slot: readSlot(update.slots, place * SLOT_BYTES),
    ring: rings.get(id)!,
  }))
  return windowGrid({ tbin: update.tbin_utc, stations: known.length, known, carryMinutes: 0 }).grid
}

/** A pack a horizon, for the city that `window` has. */
export function trainedCityPacks({
  window,
  horizons,
}: {
  window: SystemWindow
  horizons: readonly number[]
}): Map<number, TrainedPack> {
  const update = updateOf(window)
  const grid = gridOf(update, window.packed())
  const places = update.station_ids.map((id, place) => ({
    id,
    lat: update.lats[place]!,
    lon: update.lons[place]!,
    capacity: null,
  }))
  return new Map(
    horizons.map((horizonMinutes) => [
      horizonMinutes,
      trainedCityPack({ system: CITY, grid, places, horizonMinutes }),
    ]),
  )
}

/**
 * A pack of the size of a real one: trees whose splits are at values that the city's own features have, so that rows part
 * at every node; a calibration fitted to what they say. What it forecasts means nothing.
 */
function trainedCityPack(options: {
  system: string
  grid: StationGrid
  places: readonly StationPlace[]
  horizonMinutes: number
}): TrainedPack {
  const { system, grid, places, horizonMinutes } = options
  const random = createRandom(horizonMinutes)
  const near: Neighbourhood = neighbourhood(places)
  const sums = emptyProfileSums(places.length)
  const profile = buildProfile(sums, near.nearest)
  const timezone = 'Europe/Paris'
  const encoders = { horizonMinutes, places, neighbourhood: near, profile }
  const moment = momentOf({ utc: grid.start + WINDOW_ROW * BIN_MS, timezone })
  const values = richFeatures({ grid, row: WINDOW_ROW, moment, encoders })
  const names = RICH_FEATURES.filter((name) => !LEFT_OUT.includes(name))
  const rows = places.length
  const width = RICH_FEATURES.length
  const station = Int32Array.from(places, (_, place) => place)
  const change = new Float32Array(rows).map(() => Math.round(random() * 6 - 3))
  const features = columnsOf({ values }, names)
  const column = (name: string): Float32Array =>
    Float32Array.from(station, (place) => values[place * width + RICH_FEATURES.indexOf(name)]!)
  const ensembles = Object.fromEntries(
    ENSEMBLES.map((name) => [name, grownTrees(names.map(column), random)]),
  ) as HorizonModel['ensembles']
  const calibration = fitCalibration(
    {
      station,
      hour: new Uint8Array(rows).fill(12),
      bikes: column('bikes'),
      docks: column('docks'),
      capacity: column('capacity'),
      outputs: ensembleOutputs(ensembles, features),
      change,
      docksThen: column('docks'),
    },
    activityClasses(Float64Array.from(station)),
  )
  const rounds = { squared: TREES, robust: TREES, absolute: TREES, scale: TREES }
  return buildPack({
    system,
    version: '1.0.0',
    source: { grid, places, neighbourhood: near, timezone, horizonMinutes },
    model: {
      horizonMinutes,
      features: names,
      profile,
      sums,
      ensembles,
      calibration,
      facts: { rows, outOfSampleRows: 0, folds: 0, rounds },
    },
    serviceFlags: true,
    carryMinutes: 0,
    trained: { from: grid.start, until: grid.start + grid.bins * BIN_MS, cutOff: grid.start },
    metrics: {},
    createdFrom: null,
  })
}

/** Each tree splits its largest leaf at a value that one of its rows has, until it has all its leaves. */
function grownTrees(
  columns: readonly Float32Array[],
  random: () => number,
): TreeEnsemble & { gain: Float32Array } {
  const starts = [0]
  const left: number[] = []
  const feature: number[] = []
  const threshold: number[] = []
  const value: number[] = []
  for (let tree = 0; tree < TREES; tree += 1) {
    const first = left.length
    const leaves: { node: number; rows: number[] }[] = [
      { node: 0, rows: Array.from(columns[0]!, (_, row) => row) },
    ]
    const add = (): number => {
      left.push(0)
      feature.push(0)
      threshold.push(0)
      value.push((random() - 0.5) / TREES)
      return left.length - 1 - first
    }
    add()
    for (let tries = 0; leaves.length < LEAVES && tries < 10 * LEAVES; tries += 1) {
      leaves.sort((a, b) => b.rows.length - a.rows.length)
      const { node, rows } = leaves[0]!
      const chosen = Math.floor(random() * columns.length)
      const edge = columns[chosen]![rows[Math.floor(random() * rows.length)]!]!
      const [less, more] = [
        rows.filter((row) => columns[chosen]![row]! < edge),
        rows.filter((row) => !(columns[chosen]![row]! < edge)),
      ]
      if (less.length === 0 || more.length === 0) continue
      const child = add()
      add()
      left[first + node] = child
      feature[first + node] = chosen
      threshold[first + node] = edge
      value[first + node] = 0
      leaves.splice(0, 1, { node: child, rows: less }, { node: child + 1, rows: more })
    }
    starts.push(left.length)
  }
  return {
    features: columns.length,
    base: 0,
    starts: Int32Array.from(starts),
    left: Int32Array.from(left),
    feature: Uint16Array.from(feature),
    threshold: Float32Array.from(threshold),
    missingLeft: new Uint8Array(left.length),
    value: Float32Array.from(value),
    gain: new Float32Array(left.length),
  }
}
