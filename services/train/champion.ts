import { type CalibratedRow, calibratedRow } from '../domain/forecasting/calibration.ts'
import { RICH_FEATURES } from '../domain/forecasting/rich-features.ts'
import { binAt, emptyGrid, type StationGrid } from '../domain/forecasting/station-grid.ts'
import type { ModelListVersion } from '../domain/model-pack.ts'
import { hasCode } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { type Inference, openInference } from '../platform/onnx/inference.ts'
import { loadModelPack } from '../platform/onnx/pack.ts'
import type { TrainedModelPack } from '../platform/onnx/trained-pack.ts'
import { factsOf } from './horizon-model.ts'
import { judgedRows, type RowSource } from './training-rows.ts'

/** The model that serves, asked for rows that a challenger is judged by. */
export interface Champion {
  version: string
  /** Nothing from this time on was known when it was trained, epoch ms. */
  cutOff: number
  /** Names of its input columns. */
  features: readonly string[]
  /** Forecasts of the grid's rows whose label is known; stations that it does not know are left out. */
  forecast(
    source: RowSource,
    span: { from: number; until: number },
  ): Promise<{ row: number; station: number; forecast: CalibratedRow }[]>
}

export interface Champions {
  byHorizon: ReadonlyMap<number, Champion>
  /** Horizons whose serving pack could not be read, and why: they are judged against persistence alone. */
  unreadable: { horizon: number; message: string }[]
  close(): Promise<void>
}

/** Bins before T that features read. */
const WINDOW_BINS = 48

/**
 * The packs of the version in force, proved as the forecast service does it. A direct pack (persistence) is no champion,
 * for persistence is asked anyway; one that is refused is told in `unreadable`. Throws store errors.
 */
export async function openChampions({
  objects,
  system,
  version,
  horizons,
}: {
  objects: Pick<ObjectStore, 'get'>
  system: string
  version: ModelListVersion | null
  horizons: readonly number[]
}): Promise<Champions> {
  const inference = openInference({ threads: 2 })
  const byHorizon = new Map<number, Champion>()
  const unreadable: Champions['unreadable'] = []
  for (const horizon of horizons) {
    if (version?.horizons[horizon] === undefined) continue
    try {
      const champion = await openChampion(inference, { objects, system, horizon, version })
      if (champion !== null) byHorizon.set(horizon, champion)
    } catch (error) {
      if (!hasCode(error, 'model_pack_invalid')) {
        await inference.close()
        throw error
      }
      unreadable.push({ horizon, message: (error as Error).message })
    }
  }
  return { byHorizon, unreadable, close: () => inference.close() }
}

async function openChampion(
  inference: Inference,
  options: {
    objects: Pick<ObjectStore, 'get'>
    system: string
    horizon: number
    version: ModelListVersion
  },
): Promise<Champion | null> {
  const pack = await loadModelPack({ ...options, inference })
  if (pack.kind !== 'trained') return null
  const { manifest } = pack
  return {
    version: pack.version,
    cutOff: Date.parse(manifest.trained.cut_off),
    features: manifest.features.names,
    forecast: (source, span) => forecasts(pack, source, span),
  }
}

async function forecasts(
  { manifest, encoders, calibration, predict }: TrainedModelPack,
  source: RowSource,
  { from, until }: { from: number; until: number },
): ReturnType<Champion['forecast']> {
  const first = Math.max(0, from - WINDOW_BINS)
  const end = Math.min(source.grid.bins, until + source.horizonMinutes / 5)
  const placeOf = new Map(source.places.map(({ id }, place) => [id, place]))
  const stations = encoders.places.map(({ id }) => placeOf.get(id) ?? -1)
  const own: RowSource = {
    ...source,
    grid: gridOfStations(source.grid, { from: first, until: end }, stations),
    places: encoders.places,
    neighbourhood: encoders.neighbourhood,
    frozen: source.frozen.subarray(first, end),
  }
  const rows = judgedRows(
    own,
    { from: from - first, until: until - first },
    { profile: encoders.profile, stride: 1, skipFrozen: true },
  )
  if (rows.rows === 0) return []
  const width = RICH_FEATURES.length
  const columns = manifest.features.names.map((name) => RICH_FEATURES.indexOf(name))
  const features = new Float32Array(rows.rows * columns.length)
  for (let row = 0; row < rows.rows; row += 1) {
    for (const [place, column] of columns.entries()) {
      features[row * columns.length + place] = rows.values[row * width + column]!
    }
  }
  const { outputs } = await predict(features, rows.rows)
  const facts = factsOf(own, rows)
  return Array.from(rows.bin, (bin, row) => ({
    row: bin + first,
    station: stations[rows.station[row]!]!,
    forecast: calibratedRow({ calibration, outputs, facts, row }),
  }))
}

/** The rows from..until of a grid with other stations, in their order: places in the grid, −1 for one that it lacks. */
function gridOfStations(
  grid: StationGrid,
  { from, until }: { from: number; until: number },
  places: readonly number[],
): StationGrid {
  const part = emptyGrid({ start: binAt(grid, from), bins: until - from, stations: places.length })
  for (let row = from; row < until; row += 1) {
    for (const [station, place] of places.entries()) {
      if (place < 0) continue
      const to = (row - from) * places.length + station
      const cell = row * grid.stations + place
      part.bikes[to] = grid.bikes[cell]!
      part.docks[to] = grid.docks[cell]!
      part.mechanical[to] = grid.mechanical[cell]!
      part.ebike[to] = grid.ebike[cell]!
      part.capacity[to] = grid.capacity[cell]!
      part.service[to] = grid.service[cell]!
      part.age[to] = grid.age[cell]!
    }
  }
  const { weather } = grid
  if (weather !== null) {
    part.weather = {
      temp_C: weather.temp_C.subarray(from, until),
      precip_mm: weather.precip_mm.subarray(from, until),
      wind_mps: weather.wind_mps.subarray(from, until),
    }
  }
  return part
}
