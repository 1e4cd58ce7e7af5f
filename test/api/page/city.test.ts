import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CompactState, compactColumns, compactRow } from '../../../services/api/live/compact-state.ts'
import {
  applyUpdate,
  type City,
  expectedChange,
  fillAt,
  freshness,
  totals,
  withoutForecasts,
} from '../../../services/api/page/city.ts'
import { type SortColumn, tableRows, visibleRows } from '../../../services/api/page/rows.ts'
import { BIN, buildCity } from '../built-city.ts'

function cityOf(options: Parameters<typeof buildCity>[0] = {}): City {
  const { system, rows } = buildCity(options)
  const state = { ...system, sequence: 1 }
  const update: CompactState = {
    full: true,
    sequence: 1,
    system: state.system,
    name: 'River City',
    timezone: 'Europe/Paris',
    state,
    stale_after_s: 600,
    withhold_after_s: 3600,
    columns: compactColumns(state.horizons),
    rows: rows.map((lookUp) => compactRow({ lookUp, state })),
    removed: [],
  }
  return applyUpdate({ before: null, update })
}

test('totals are the sums of what was published', () => {
  const { rows } = buildCity()
  const sums = totals(cityOf())
  const sum = (values: (number | null | undefined)[]) =>
    values.reduce((total: number, value) => total + (value ?? 0), 0)
  expect(sums.stations).toBe(300)
  expect(sums.bikes).toBe(sum(rows.map(({ bikes }) => bikes)))
  expect(sums.mechanical + sums.ebike).toBe(sums.bikes)
  expect(sums.docks).toBe(sum(rows.map(({ docks }) => docks)))
  expect(sums.empty).toBe(rows.filter(({ bikes, in_service }) => in_service && bikes === 0).length)
  expect(sums.expected.get(60)).toBe(sum(rows.map(({ forecast }) => forecast?.horizons[1]?.bikes_median)))
  expect(totals(cityOf({ withheld: true })).expected.get(60)).toBeNull()
})

test.each([
  ['simulate', 599, false, false],
  ['live', 600, true, false],
  ['live', 3600, true, true],
  ['replay', 1e6, false, false],
] as const)('%s data of %d s: stale %s, withheld %s', (source, ageS, stale, withheld) => {
  const city = cityOf({ stations: 1, source })
  expect(freshness({ city, now: BIN + ageS * 1000 })).toEqual({ ageS, stale, withheld })
})

test('what the server calls stale or withheld is so at any age', () => {
  expect(freshness({ city: cityOf({ stations: 1, stale: true }), now: BIN }).stale).toBe(true)
  expect(freshness({ city: cityOf({ stations: 1, withheld: true }), now: BIN })).toMatchObject({
    stale: true,
    withheld: true,
  })
})

test('without forecasts a city shows nothing ahead, and the same now', () => {
  const city = cityOf({ stations: 3 })
  const bare = withoutForecasts(city)
  for (const [id, station] of bare.stations) {
    expect(fillAt(station, 60)).toMatchObject({ bikes: null, docks: null })
    expect(expectedChange(station, 60)).toBeNull()
    expect(fillAt(station, 0)).toEqual(fillAt(city.stations.get(id) ?? station, 0))
  }
})

const columns: SortColumn[] = ['name', 'bikes', 'docks', 'change', 'h15', 'h60']

test('the table holds every station once, in order, whatever it is sorted by', () => {
  const city = cityOf()
  const stations = [...city.stations.values()]
  fc.assert(
    fc.property(fc.constantFrom(...columns), fc.boolean(), fc.nat(), (column, descending, seed) => {
      const shuffled = stations.toSorted(
        (a, b) => ((Number(a.id) * (seed + 7)) % 101) - ((Number(b.id) * (seed + 7)) % 101),
      )
      const sort = { column, descending }
      const rows = tableRows({ stations: shuffled, search: '', sort, changeHorizon: 60 })
      expect(new Set(rows)).toEqual(new Set(stations))
      expect(rows).toEqual(tableRows({ stations, search: '', sort, changeHorizon: 60 }))
      const bikes = rows.map((station) => station.bikes ?? 0)
      if (column === 'bikes') expect(bikes).toEqual(bikes.toSorted((a, b) => (descending ? b - a : a - b)))
    }),
    { numRuns: 40 },
  )
})

test('stations without a value come last in both directions', () => {
  const city = cityOf({ stations: 5 })
  const [first] = city.stations.values()
  if (first === undefined) throw new Error('the city has stations')
  const stations = [{ ...first, bikes: null, id: 'unknown' }, ...city.stations.values()]
  for (const descending of [true, false]) {
    const rows = tableRows({ stations, search: '', sort: { column: 'bikes', descending }, changeHorizon: 60 })
    expect(rows.at(-1)?.id).toBe('unknown')
  }
})

test('search finds every word, without accents and case, in name or id', () => {
  const stations = cityOf().stations.values()
  const search = (text: string) =>
    tableRows({
      stations: cityOf().stations.values(),
      search: text,
      sort: { column: 'name', descending: false },
      changeHorizon: 60,
    })
  expect([...stations].length).toBe(300)
  const found = search('CHATELET nord')
  expect(found.length).toBeGreaterThan(0)
  expect(found.every(({ name }) => name.includes('Châtelet') && name.includes('Nord'))).toBe(true)
  expect(search('1042').map(({ id }) => id)).toEqual(['1042'])
  expect(search('nothing has this name')).toEqual([])
})

test('what is drawn of a long table covers what is in sight, and stays small', () => {
  fc.assert(
    fc.property(
      fc.nat(100_000),
      fc.nat(4_000_000),
      fc.integer({ min: 0, max: 2000 }),
      (rows, scrollTop, height) => {
        const { first, end } = visibleRows({ scrollTop, height, rowHeight: 36, rows })
        expect(first).toBeGreaterThanOrEqual(0)
        expect(end).toBeLessThanOrEqual(rows)
        expect(end - first).toBeLessThanOrEqual(height / 36 + 18)
        const top = Math.floor(scrollTop / 36)
        if (top < rows)
          expect(first <= top && end >= Math.min(rows, Math.ceil((scrollTop + height) / 36))).toBe(true)
      },
    ),
  )
})
