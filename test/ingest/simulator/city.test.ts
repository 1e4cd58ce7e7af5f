import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { City } from '../../../services/ingest/simulator/city.ts'

const HOUR = 3_600_000
const MONDAY = Date.parse('2026-03-09T04:00:00Z')

function state(city: City): string {
  return city.layout.stations
    .map((_, index) =>
      [
        city.mechanical(index),
        city.ebike(index),
        city.docks(index),
        city.bikesDisabled(index),
        city.isOpen(index),
        city.lastReported(index),
      ].join(),
    )
    .join(' ')
}

describe('simulated city', () => {
  test('conserves bikes: docked, disabled, in transit and in trucks always add up to the same', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 2, max: 90 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 6 }),
        (seed, stations, steps) => {
          const city = new City({ seed, stations })
          let time = MONDAY + seed * 60_000
          city.advanceTo(time)
          const { total } = city.audit()
          for (const minutes of steps) {
            time += minutes * 60_000
            city.advanceTo(time)
            const { docked, disabled, inTransit, inTrucks, total: now } = city.audit()
            expect(now).toBe(total)
            expect(docked + disabled + inTransit + inTrucks).toBe(total)
            expect(Math.min(docked, disabled, inTransit, inTrucks)).toBeGreaterThanOrEqual(0)
          }
        },
      ),
      { numRuns: 15 },
    )
  })

  test('keeps every station within its docks: 0 <= bikes <= capacity, and what is counted fills them exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 0, max: 7 * 24 }), (seed, hours) => {
        const city = new City({ seed, stations: 80 })
        city.advanceTo(MONDAY + hours * HOUR)
        city.layout.stations.forEach(({ capacity }, index) => {
          const counts = [
            city.mechanical(index),
            city.ebike(index),
            city.docks(index),
            city.bikesDisabled(index),
            city.docksDisabled(index),
          ]
          expect(Math.min(...counts)).toBeGreaterThanOrEqual(0)
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(capacity)
          expect(city.lastReported(index)).toBeLessThanOrEqual(city.now)
        })
      }),
      { numRuns: 12 },
    )
  })

  test('is at a time in one state, whatever the polls before it: steps, leaps, backwards, over the week', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.array(fc.integer({ min: -2, max: 16 * 24 * 60 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 15 * 24 * 60 }),
        (seed, visits, target) => {
          const wandering = new City({ seed, stations: 40 })
          for (const minutes of visits) wandering.advanceTo(MONDAY + minutes * 60_000)
          const time = MONDAY + target * 60_000
          wandering.advanceTo(time + 59_999)
          const direct = new City({ seed, stations: 40 })
          direct.advanceTo(time)
          expect(state(wandering)).toBe(state(direct))
          expect(wandering.now).toBe(time)
        },
      ),
      { numRuns: 15 },
    )
  })

  test('another seed is another city', () => {
    const [one, two] = [1, 2].map((seed) => new City({ seed, stations: 40 }))
    one!.advanceTo(MONDAY + 12 * HOUR)
    two!.advanceTo(MONDAY + 12 * HOUR)
    expect(state(one!)).not.toBe(state(two!))
  })

  test('shows no step where one week ends and the next begins', () => {
    const city = new City({ seed: 3, stations: 300 })
    const anchor = city.calendar.nextAnchor(city.calendar.anchor(MONDAY))
    const bikes = (time: number): number[] => {
      city.advanceTo(time)
      return city.layout.stations.map((_, index) => city.mechanical(index) + city.ebike(index))
    }
    const before = bikes(anchor - 5 * 60_000)
    const after = bikes(anchor)
    const change = after.reduce((sum, count, index) => sum + Math.abs(count - before[index]!), 0)
    expect(change / after.length).toBeLessThan(0.5)
  })

  test('closes stations and opens them again: some are closed at any time, few, and not the same for ever', () => {
    const city = new City({ seed: 5, stations: 400 })
    const closed = (time: number): Set<number> => {
      city.advanceTo(time)
      return new Set(city.layout.stations.keys().filter((index) => !city.isOpen(index)))
    }
    const first = closed(MONDAY + 60 * HOUR)
    const later = closed(MONDAY + 110 * HOUR)
    expect(first.size).toBeGreaterThan(0)
    expect(first.size).toBeLessThan(40)
    expect([...first].some((index) => !later.has(index))).toBe(true)
    expect([...later].some((index) => !first.has(index))).toBe(true)
  })

  test('an empty or full station sends its riders to a neighbour: no count is ever refused', () => {
    const tiny = new City({ seed: 9, stations: 2 })
    tiny.advanceTo(MONDAY + 6 * 24 * HOUR)
    const { docked, disabled, inTransit, inTrucks, total } = tiny.audit()
    expect(docked + disabled + inTransit + inTrucks).toBe(total)
  })
})

describe('city calendar', () => {
  const { calendar } = new City({ stations: 2 })

  test('weeks begin on Monday at four local time, on both sides of the clock changes', () => {
    const week = (utc: string): string => new Date(calendar.anchor(Date.parse(utc))).toISOString()
    expect(week('2026-03-28T12:00:00Z')).toBe('2026-03-23T03:00:00.000Z')
    expect(week('2026-03-30T01:59:59Z')).toBe('2026-03-23T03:00:00.000Z')
    expect(week('2026-03-30T02:00:00Z')).toBe('2026-03-30T02:00:00.000Z')
    expect(week('2026-10-26T03:00:00Z')).toBe('2026-10-26T03:00:00.000Z')
    expect(week('2026-10-26T02:59:59Z')).toBe('2026-10-19T02:00:00.000Z')
  })

  test('every time lies in exactly one week, and weeks follow one another without a gap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
        const time = seconds * 1000
        const anchor = calendar.anchor(time)
        const next = calendar.nextAnchor(anchor)
        expect(anchor).toBeLessThanOrEqual(time)
        expect(time).toBeLessThan(next)
        expect(calendar.anchor(next)).toBe(next)
        expect(calendar.anchor(next - 60_000)).toBe(anchor)
      }),
    )
  })
})
