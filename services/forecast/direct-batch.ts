import { computeFeatures } from '../domain/features.ts'
import { horizonForecast } from '../domain/forecast.ts'
import { emptyRing } from '../domain/ring.ts'
import type { WindowUpdate } from '../domain/window.ts'
import { type DirectPack, rowOf } from '../platform/onnx/pack.ts'
import type { HorizonBatch } from './compute.ts'
import { directLags, type KnownStation, windowOf } from './stations.ts'

const NOTHING = emptyRing()

/** One horizon of all stations by a pack whose model gives the forecast itself. Throws `window_overrun`. */
export function directBatch({
  update,
  stations,
  horizon,
  pack,
}: {
  update: WindowUpdate
  stations: readonly KnownStation[]
  horizon: number
  pack: DirectPack
}): HorizonBatch {
  const { names } = pack.manifest.features
  const lags = directLags([pack])
  const values = new Float32Array(stations.length * names.length)
  stations.forEach((station, row) => {
    const window = windowOf({ update, station, lags, empty: NOTHING })
    values.set(computeFeatures({ window, station, names }), row * names.length)
  })
  return {
    values,
    width: names.length,
    async forecasts() {
      const { output, milliseconds } = await pack.predict(values, stations.length)
      return {
        milliseconds,
        rows: stations.map(({ slot }, row) =>
          horizonForecast({
            horizon_min: horizon,
            slot,
            output: rowOf(output, row),
            model_version: pack.version,
          }),
        ),
      }
    },
  }
}
