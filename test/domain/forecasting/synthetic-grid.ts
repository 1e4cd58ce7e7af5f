import { emptyGrid, type StationGrid } from '../../../services/domain/forecasting/station-grid.ts'
import { createRandom } from '../../../services/train/random.ts'

/** A grid of random walks with holes, closed stations and unknown docks; the same for the same seed. */
export function syntheticGrid(options: {
  seed: number
  bins: number
  stations: number
  start?: number
  holes?: number
}): StationGrid {
  const { seed, bins, stations, holes = 0.1 } = options
  const random = createRandom(seed)
  const grid = emptyGrid({ start: options.start ?? Date.parse('2026-03-02T00:00:00Z'), bins, stations })
  const bikes = Array.from({ length: stations }, () => Math.floor(random() * 20))
  for (let bin = 0; bin < bins; bin += 1) {
    for (let station = 0; station < stations; station += 1) {
      bikes[station] = Math.min(25, Math.max(0, bikes[station]! + Math.round((random() - 0.5) * 4)))
      if (random() < holes) continue
      const cell = bin * stations + station
      grid.bikes[cell] = bikes[station]!
      grid.docks[cell] = random() < 0.1 ? -1 : 25 - bikes[station]!
      grid.mechanical[cell] = Math.floor(bikes[station]! / 2)
      grid.ebike[cell] = bikes[station]! - grid.mechanical[cell]!
      grid.capacity[cell] = random() < 0.1 ? -1 : 25
      grid.service[cell] = random() < 0.95 ? 1 : 0
      grid.age[cell] = 1 + Math.floor(random() * 300)
    }
  }
  return grid
}

export function places(
  stations: number,
): { id: string; lat: number | null; lon: number | null; capacity: number | null }[] {
  return Array.from({ length: stations }, (_, place) => ({
    id: `s${place}`,
    lat: place === 0 ? null : 48.8 + (place % 7) * 0.01,
    lon: place === 0 ? null : 2.3 + Math.floor(place / 7) * 0.01,
    capacity: 20,
  }))
}
