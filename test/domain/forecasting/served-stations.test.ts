import { describe, expect, test } from 'vitest'
import type { Calibration } from '../../../services/domain/forecasting/calibration.ts'
import { NEIGHBOURS, neighbourhood } from '../../../services/domain/forecasting/neighbours.ts'
import { buildProfile, emptyProfileSums } from '../../../services/domain/forecasting/profile.ts'
import { servedStations } from '../../../services/domain/forecasting/served-stations.ts'
import { createRandom } from '../../../services/train/random.ts'
import { places } from './synthetic-grid.ts'

const STATIONS = 20
const known = places(STATIONS)
const near = neighbourhood(known)
const random = createRandom(3)
const sums = emptyProfileSums(STATIONS)
for (let cell = 0; cell < sums.count.length; cell += 1) {
  sums.count[cell] = Math.floor(random() * 30)
  sums.change[cell] = sums.count[cell]! * (random() - 0.5)
  sums.moves[cell] = Math.abs(sums.change[cell]!)
  sums.level[cell] = sums.count[cell]! * 10 * random()
}
const encoders = { places: known, neighbourhood: near, profile: buildProfile(sums, near.nearest) }
const calibration = {
  guard: {
    classes: known.map((_, place) => place % 6),
    stationAllowed: known.map((_, place) => (place < 8 ? 0 : 1)),
  },
} as unknown as Calibration
const unknown = [
  { id: 'x', lat: 48.831, lon: 2.311, capacity: null },
  { id: 'y', lat: null, lon: null, capacity: null },
]
const served = servedStations({ encoders, calibration, unknown })

describe('stations that a pack does not know', () => {
  test('leave everything about those that it knows as it was', () => {
    expect(served.encoders.places.slice(0, STATIONS)).toEqual(known)
    for (const [name, values] of Object.entries(encoders.profile)) {
      const all = served.encoders.profile[name as keyof typeof encoders.profile]
      expect(all.slice(0, values.length), name).toEqual(values)
    }
    for (const [name, values] of Object.entries(near)) {
      const all = served.encoders.neighbourhood[name as keyof typeof near]
      expect(all.slice(0, values.length), name).toEqual(values)
    }
    expect(served.calibration.guard.classes.slice(0, STATIONS)).toEqual(calibration.guard.classes)
  })

  test('have the neighbours and distances that they would have had in training', () => {
    const whole = neighbourhood([...known, unknown[0]!])
    const own = (values: ArrayLike<number>, width: number, from = STATIONS): number[] =>
      Array.from({ length: width }, (_, place) => values[from * width + place]!)
    const { nearest, meanKm, centreKm } = served.encoders.neighbourhood
    expect(own(nearest, NEIGHBOURS)).toEqual(own(whole.nearest, NEIGHBOURS))
    expect(own(meanKm, 1)).toEqual(own(whole.meanKm, 1))
    expect(centreKm[STATIONS]).toBeCloseTo(whole.centreKm[STATIONS]!, 0)
    expect(own(nearest, NEIGHBOURS, STATIONS + 1)).toEqual([-1, -1, -1, -1, -1, -1])
    expect(meanKm[STATIONS + 1]).toBeNaN()
  })

  test('have the mean profile of their area, no usual level, and the median class of the area', () => {
    const { nearest } = served.encoders.neighbourhood
    const area = [...nearest.subarray(STATIONS * NEIGHBOURS, (STATIONS + 1) * NEIGHBOURS)]
    const { areaChange, stationChange, stationLevel, weekChange } = served.encoders.profile
    const mean = area.reduce((sum, place) => sum + areaChange[place * 96 + 40]!, 0) / NEIGHBOURS
    expect(areaChange[STATIONS * 96 + 40]).toBeCloseTo(mean, 6)
    expect(stationChange[STATIONS * 96 + 40]).toBe(areaChange[STATIONS * 96 + 40])
    expect(stationLevel[STATIONS * 96 + 40]).toBeNaN()
    expect(Number.isFinite(weekChange[(STATIONS + 1) * 336])).toBe(true)
    const classes = area.map((place) => place % 6).sort((a, b) => a - b)
    expect(served.calibration.guard.classes[STATIONS]).toBe(classes[3])
    const allowed = area.filter((place) => place >= 8).length
    expect(served.calibration.guard.stationAllowed[STATIONS]).toBe(allowed > 3 ? 1 : 0)
    expect(served.calibration.guard.stationAllowed[STATIONS + 1]).toBe(1)
  })

  test('cost nothing when there are none', () => {
    expect(servedStations({ encoders, calibration, unknown: [] }).encoders).toBe(encoders)
  })
})
