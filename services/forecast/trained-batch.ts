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
    const trained = new Set(pack.encoders.places.map(({ id }) => id))
    const unknown = this.#stations
      .filter(({ id }) => !trained.has(id))
      .map(({ id, lat, lon }) => ({ id, lat, lon, capacity: null }))
    const key = JSON.stringify(unknown)
    const found = served.get(pack)
    if (found?.unknown === key) return found.stations
    const stations = servedStations({ ...pack, unknown })
    served.set(pack, { unknown: key, stations })
    return stations
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
  const rows = stations.map(({ id }) => placeOf.get(id)! * RICH_FEATURES.length)
  const column = (name: string): number => COLUMN.get(name)!
  const columns = features.names.map(column)
  const values = new Float32Array(rows.length * columns.length)
  let at = 0
  for (const first of rows) for (const place of columns) values[at++] = all[first + place]!
  const facts: RowFacts = {
    station: Int32Array.from(stations, ({ id }) => placeOf.get(id)!),
    hour: new Uint8Array(rows.length).fill(localHour({ utc: update.tbin_utc, timezone })),
    bikes: Float32Array.from(rows, (first) => all[first + column('bikes')]!),
    docks: Float32Array.from(rows, (first) => all[first + column('docks')]!),
    capacity: Float32Array.from(rows, (first) => all[first + column('capacity')]!),
  }
  return {
    values,
    width: columns.length,
    async forecasts() {
      const { outputs, milliseconds } = await pack.predict(values, rows.length)
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
