import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type CompactState,
  compactColumns,
  compactRow,
  compactStateText,
  rowChanges,
  rowTexts,
} from '../../services/api/live/compact-state.ts'
import { applyUpdate, type City } from '../../services/api/page/city.ts'
import { buildCity } from './built-city.ts'

const { system, rows } = buildCity({ stations: 30 })
const state = { ...system, sequence: 1 }

const head = {
  sequence: 1,
  system: state.system,
  name: null,
  timezone: 'UTC',
  state,
  stale_after_s: 600,
  withhold_after_s: 3600,
  columns: compactColumns(state.horizons),
}

function decoded(texts: Iterable<string>, removed: string[], full: boolean): CompactState {
  return JSON.parse(compactStateText({ head: { full, ...head }, rows: texts, removed })) as CompactState
}

test('a row has a value for every column, in order', () => {
  const columns = compactColumns(state.horizons)
  for (const lookUp of rows) {
    const row = compactRow({ lookUp, state })
    expect(row).toHaveLength(columns.length)
    expect(row[columns.indexOf('station_id')]).toBe(lookUp.station_id)
    expect(row[columns.indexOf('bikes_60')]).toBe(lookUp.forecast?.horizons[1]?.bikes_median)
    expect(row[columns.indexOf('docks_15')]).toBe(lookUp.forecast?.horizons[0]?.docks_median)
  }
})

test('whatever changes, the changes applied to the state before give the state after', () => {
  const stations = fc.uniqueArray(
    fc.record({ station: fc.integer({ min: 0, max: 29 }), bikes: fc.integer({ min: 0, max: 40 }) }),
    { selector: ({ station }) => station },
  )
  const textsOf = (chosen: { station: number; bikes: number }[]) =>
    rowTexts(
      chosen.flatMap(({ station, bikes }) => {
        const lookUp = rows[station]
        return lookUp === undefined ? [] : [compactRow({ lookUp: { ...lookUp, bikes }, state })]
      }),
    )
  fc.assert(
    fc.property(stations, stations, (first, second) => {
      const [before, after] = [textsOf(first), textsOf(second)]
      const { rows: changed, removed } = rowChanges({ before, after })
      const city = applyUpdate({ before: null, update: decoded(before.values(), [], true) })
      const changedCity = applyUpdate({ before: city, update: decoded(changed, removed, false) })
      const whole = applyUpdate({ before: null, update: decoded(after.values(), [], true) })
      const sorted = ({ stations: all }: City) => [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
      expect(sorted(changedCity)).toEqual(sorted(whole))
      for (const id of changedCity.changed) expect(after.get(id)).not.toBe(before.get(id))
    }),
  )
})

test('a poll that changes nothing sends no rows, though its times are new', () => {
  const later = { ...state, ts_utc: state.ts_utc + 60_000 }
  const before = rowTexts(rows.map((lookUp) => compactRow({ lookUp, state })))
  const after = rowTexts(
    rows.map((lookUp) => compactRow({ lookUp: { ...lookUp, ts_utc: later.ts_utc }, state: later })),
  )
  expect(rowChanges({ before, after })).toEqual({ rows: [], removed: [] })
})
