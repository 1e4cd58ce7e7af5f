import { localHour } from '../domain/calendar.ts'
import { trainedForecast } from '../domain/forecast.ts'
import { calibratedRow, type RowFacts } from '../domain/forecasting/calibration.ts'
import { momentOf } from '../domain/forecasting/moment.ts'
import { RICH_FEATURES, richFeatures } from '../domain/forecasting/rich-features.ts'
import { type ServedStations, servedStations } from '../domain/forecasting/served-stations.ts'
import type { StationGrid } from '../domain/forecasting/station-grid.ts'
import { WINDOW_ROW, windowGrid } from '../domain/forecasting/window-grid.ts'
import { readHistory, type WindowHistory } from '../domain/forecasting/window-history.ts'
import type { WindowUpdate } from '../domain/window.ts'
import type { TrainedModelPack } from '../platform/onnx/trained-pack.ts'
import type { HorizonBatch } from './compute.ts'
import { assertNoOverrun, type KnownStation, type Station } from './stations.ts'

/** A pack's stations with those of the last update that it did not know: made again only when these change. */
const served = new WeakMap<TrainedModelPack, { unknown: string; stations: ServedStations }>()
const COLUMN = new Map(RICH_FEATURES.map((name, column) => [name, column]))

/** The window of one update on the station tables of its packs; horizons with the same table share one. */
export class UpdateWindows {
  readonly #update: WindowUpdate
  readonly #stations: readonly Station[]
  readonly #read: { key: TableKey; grid: StationGrid; history: WindowHistory }[] = []

  constructor(update: WindowUpdate, stations: readonly Station[]) {
    this.#update = update
    this.#stations = stations
  }

  /** Throws `window_overrun`. */
  of(
    pack: TrainedModelPack,
    { placeOf, encoders }: ServedStations,
  ): { grid: StationGrid; history: WindowHistory } {
    const { carry_minutes } = pack.manifest
    const key = { ids: encoders.places.map(({ id }) => id), carry_minutes }
    const known = this.#read.find((read) => sameTable(read.key, key))
    if (known !== undefined) return known
    const { grid, overrun } = windowGrid({
      tbin: this.#update.tbin_utc,
      stations: key.ids.length,
      known: this.#stations.map(({ id, slot, ring }) => ({ place: placeOf.get(id)!, slot, ring })),
      carryMinutes: carry_minutes,
    })
    assertNoOverrun(this.#update, overrun)
    const read = { key, grid, history: readHistory({ grid, row: WINDOW_ROW }) }
    this.#read.push(read)
    return read
  }

  /** The pack's stations and, after them, those of the update that it does not know. */
  servedBy(pack: TrainedModelPack): ServedStations {
    const found = served.get(pack) ?? { unknown: '[]', stations: servedStations({ ...pack, unknown: [] }) }
    const trained = pack.encoders.places.length
    const unknown = this.#stations
      .filter(({ id }) => !((found.stations.placeOf.get(id) ?? trained) < trained))
      .map(({ id, lat, lon }) => ({ id, lat, lon, capacity: null }))
    const key = JSON.stringify(unknown)
    if (found.unknown !== key) {
      found.unknown = key
      found.stations = servedStations({ ...pack, unknown })
    }
    served.set(pack, found)
    return found.stations
  }
}

interface TableKey {
  ids: readonly string[]
  carry_minutes: number
}

function sameTable(a: TableKey, b: TableKey): boolean {
  return (
    a.carry_minutes === b.carry_minutes &&
    a.ids.length === b.ids.length &&
    a.ids.every((id, place) => id === b.ids[place])
  )
}

/** One horizon of all stations by a trained pack: the same features as training's, the four ensembles, the calibration. */
export function trainedBatch({
  update,
  windows,
  stations,
  horizon,
  pack,
}: {
  update: WindowUpdate
  windows: UpdateWindows
  stations: readonly KnownStation[]
  horizon: number
  pack: TrainedModelPack
}): HorizonBatch {
  const { timezone, features } = pack.manifest
  const { encoders, calibration, placeOf } = windows.servedBy(pack)
  const { grid, history } = windows.of(pack, { encoders, calibration, placeOf })
  const all = richFeatures({
    grid,
    row: WINDOW_ROW,
    moment: momentOf({ utc: update.tbin_utc, timezone }),
    encoders: { horizonMinutes: horizon, ...encoders },
    history,
  })
  const rows = stations.length
  const places = Int32Array.from(stations, ({ id }) => placeOf.get(id)!)
  const of = (names: readonly string[]): Float32Array => columnsOf(all, places, names)
  const facts: RowFacts = {
    station: places,
    hour: new Uint8Array(rows).fill(localHour({ utc: update.tbin_utc, timezone })),
    bikes: of(['bikes']),
    docks: of(['docks']),
    capacity: of(['capacity']),
  }
  const values = of(features.names)
  return {
    values,
    width: features.names.length,
    async forecasts() {
      const { outputs, milliseconds } = await pack.predict(values, rows)
      return {
        milliseconds,
        rows: stations.map(({ slot }, row) =>
          trainedForecast({
            horizon_min: horizon,
            slot,
            row: calibratedRow({ calibration, outputs, facts, row }),
            capacity: facts.capacity[row]! > 0 ? facts.capacity[row]! : null,
            model_version: pack.version,
          }),
        ),
      }
    },
  }
}

/** The named features of the stations at `places`, row after row. */
function columnsOf(features: Float32Array, places: Int32Array, names: readonly string[]): Float32Array {
  const columns = Int32Array.from(names, (name) => COLUMN.get(name)!)
  const values = new Float32Array(places.length * columns.length)
  let at = 0
  for (let row = 0; row < places.length; row += 1) {
    const first = places[row]! * RICH_FEATURES.length
    for (let column = 0; column < columns.length; column += 1) {
      values[at++] = features[first + columns[column]!]!
    }
  }
  return values
}
