import { describe, expect, test } from 'vitest'
import { City } from '../../../services/ingest/simulator/city.ts'
import { demandAt } from '../../../services/ingest/simulator/flows.ts'
import { demandFactor } from '../../../services/ingest/simulator/weather.ts'

const BIN = 300_000

/** Bikes of every station on the 5-minute grid of a span, with the grid's local times. */
function run({
  seed,
  stations,
  from,
  hours,
}: {
  seed: number
  stations: number
  from: string
  hours: number
}): {
  city: City
  grid: { weekday: number; hour: number; bikes: number[] }[]
} {
  const city = new City({ seed, stations })
  const start = Date.parse(from)
  const grid = Array.from({ length: hours * 12 + 1 }, (_, step) => {
    city.advanceTo(start + step * BIN)
    const { weekday, hour } = city.calendar.local(start + step * BIN)
    const bikes = city.layout.stations.map((_, index) => city.mechanical(index) + city.ebike(index))
    return { weekday, hour, bikes }
  })
  return { city, grid }
}

/** Mean |bikes(t + h) - bikes(t)| over all stations and the grid times t that `when` takes. */
function persistenceError({
  grid,
  bins,
  when,
}: {
  grid: { hour: number; bikes: number[] }[]
  bins: number
  when: (hour: number) => boolean
}): number {
  let sum = 0
  let count = 0
  grid.slice(0, -bins).forEach(({ hour, bikes }, step) => {
    if (!when(hour)) return
    const later = grid[step + bins]!.bikes
    bikes.forEach((now, index) => {
      sum += Math.abs(later[index]! - now)
    })
    count += bikes.length
  })
  return sum / count
}

const daytime = (hour: number): boolean => hour >= 7 && hour < 21

// 0.97 and 2.16 bikes are what carrying the last count forward costs in Paris, all days of a week, in daytime.
describe.each([
  ['two weekdays', '2026-03-10T04:00:00Z'],
  ['Friday and Saturday', '2026-06-12T04:00:00Z'],
])('persistence error of the simulated city, 07 to 21 local, %s', (_name, from) => {
  const { grid } = run({ seed: 1, stations: 400, from, hours: 48 })

  test.each([
    { minutes: 15, bins: 3, paris: 0.97 },
    { minutes: 60, bins: 12, paris: 2.16 },
  ])('at $minutes minutes is within 20 % of $paris bikes', ({ bins, paris }) => {
    const error = persistenceError({ grid, bins, when: daytime })
    expect(error).toBeGreaterThan(paris * 0.8)
    expect(error).toBeLessThan(paris * 1.2)
  })

  test('nights are quiet: from 01 to 04 the error is less than half of that in daytime', () => {
    const night = persistenceError({ grid, bins: 12, when: (hour) => hour >= 1 && hour < 4 })
    expect(night).toBeLessThan(persistenceError({ grid, bins: 12, when: daytime }) / 2)
    expect(night).toBeGreaterThan(0)
  })
})

describe('commuters of the simulated city', () => {
  const { city, grid } = run({ seed: 2, stations: 400, from: '2026-03-10T04:00:00Z', hours: 18 })
  const bikesOf = (quarter: number, hour: number): number => {
    const { bikes } = grid.find((step) => step.hour >= hour)!
    return bikes.reduce(
      (sum, count, index) => sum + (city.layout.stations[index]!.quarter === quarter ? count : 0),
      0,
    )
  }

  test('leave residential quarters for work in the morning and come back in the evening', () => {
    const [home, work] = [0, 1] as const
    expect(bikesOf(home, 10)).toBeLessThan(bikesOf(home, 6))
    expect(bikesOf(work, 10)).toBeGreaterThan(bikesOf(work, 6) * 1.2)
    expect(bikesOf(home, 21)).toBeGreaterThan(bikesOf(home, 16))
    expect(bikesOf(work, 21)).toBeLessThan(bikesOf(work, 16))
  })

  test('are as many a day one way as the other, so that no quarter runs dry by design', () => {
    let [to, from] = [0, 0]
    for (let minute = 0; minute < 1440; minute++) {
      const { trips, toWork, fromWork } = demandAt({ weekday: 1, hour: minute / 60, dayOfYear: 70 })
      to += trips * toWork
      from += trips * fromWork
    }
    expect(Math.abs(to - from) / to).toBeLessThan(0.05)
  })
})

describe('demand', () => {
  const trips = (weekday: number, hour: number): number => demandAt({ weekday, hour, dayOfYear: 70 }).trips

  test('has two peaks on weekdays, one broad one on weekends, and its least at night', () => {
    for (const weekday of [0, 1, 2, 3, 4]) {
      expect(trips(weekday, 8.5)).toBeGreaterThan(trips(weekday, 10.5) * 1.5)
      expect(trips(weekday, 18.5)).toBeGreaterThan(trips(weekday, 15) * 1.5)
      expect(trips(weekday, 3.5)).toBeLessThan(trips(weekday, 12) / 5)
    }
    for (const weekday of [5, 6]) {
      expect(trips(weekday, 8.5)).toBeLessThan(trips(weekday, 11) / 2)
      expect(trips(weekday, 16)).toBeGreaterThan(trips(weekday, 11))
      expect(demandAt({ weekday, hour: 8.5, dayOfYear: 70 }).toWork).toBe(0)
    }
  })

  test('falls with rain and cold, never below zero, never above fair weather', () => {
    const factor = (temp_C: number, precip_mm: number): number =>
      demandFactor({ hour_utc: 0, temp_C, precip_mm, wind_mps: 2 })
    expect(factor(20, 0)).toBe(1)
    expect(factor(20, 1)).toBeLessThan(0.75)
    expect(factor(20, 5)).toBeLessThan(factor(20, 1))
    expect(factor(-5, 0)).toBeLessThan(factor(5, 0))
    expect(factor(-40, 100)).toBeGreaterThan(0)
  })
})

describe('city layout', () => {
  const { layout } = new City({ seed: 4, stations: 1500 })

  test('has unique ids and names, plausible docks and places that lie within some kilometres', () => {
    const { stations } = layout
    expect(new Set(stations.map(({ station_id }) => station_id)).size).toBe(1500)
    expect(new Set(stations.map(({ name }) => name)).size).toBe(1500)
    const capacity = stations.reduce((sum, station) => sum + station.capacity, 0) / 1500
    expect(capacity).toBeGreaterThan(25)
    expect(capacity).toBeLessThan(36)
    for (const { lat, lon, capacity: docks } of stations) {
      expect(Math.abs(lat - 48.8566)).toBeLessThan(0.1)
      expect(Math.abs(lon - 2.3522)).toBeLessThan(0.15)
      expect(docks).toBeGreaterThanOrEqual(12)
      expect(docks).toBeLessThanOrEqual(70)
    }
  })

  test('names as neighbours the nearest other stations, nearest first', () => {
    const { east, north, neighbours, neighbourCount } = layout
    for (const index of [0, 700, 1499]) {
      const distance = (other: number): number =>
        Math.hypot(east[other]! - east[index]!, north[other]! - north[index]!)
      const expected = Array.from(east.keys())
        .filter((other) => other !== index)
        .sort((a, b) => distance(a) - distance(b))
        .slice(0, neighbourCount)
      const start = index * neighbourCount
      expect([...neighbours.slice(start, start + neighbourCount)]).toEqual(expected)
    }
  })

  test('rents a plausible share of electric bikes', () => {
    const city = new City({ seed: 4, stations: 300 })
    city.advanceTo(Date.parse('2026-03-11T14:00:00Z'))
    let [bikes, ebikes] = [0, 0]
    for (const index of city.layout.stations.keys()) {
      ebikes += city.ebike(index)
      bikes += city.ebike(index) + city.mechanical(index)
    }
    expect(ebikes / bikes).toBeGreaterThan(0.25)
    expect(ebikes / bikes).toBeLessThan(0.5)
  })
})
