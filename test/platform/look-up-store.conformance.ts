import { beforeEach, describe, expect, test } from 'vitest'
import type { Forecast, HorizonForecast } from '../../services/domain/forecast.ts'
import type { LookUp, LookUpStore, SystemLookUp } from '../../services/platform/look-up-store/port.ts'

export interface LookUpStoreUnderTest {
  store: LookUpStore
  close(): Promise<void>
}

const BIN = 1_700_000_100_000
let run = 0

function horizon(minutes: number, more: Partial<HorizonForecast> = {}): HorizonForecast {
  return {
    horizon_min: minutes,
    target_utc: BIN + minutes * 60_000,
    bikes_mean: Math.fround(3.7),
    bikes_median: 4,
    docks_mean: null,
    docks_median: null,
    bikes_q10: null,
    bikes_q50: null,
    bikes_q90: null,
    p_bike: null,
    p_dock: null,
    model_version: 'persistence@0.1.0',
    ...more,
  }
}

export function lookUp(system: string, stationId: string, more: Partial<LookUp> = {}): LookUp {
  const row: LookUp = {
    forecast: null,
    system,
    station_id: stationId,
    name: 'Place d’Italie | "13e"',
    lat: 48.83,
    lon: -2.355,
    capacity: 30,
    bikes: 4,
    docks: 26,
    mechanical: 3,
    ebike: 1,
    in_service: true,
    ts_utc: BIN + 61_500,
    tbin_utc: BIN,
    ...more,
  }
  return row
}

export function forecastOf(row: LookUp, horizons: HorizonForecast[]): Forecast {
  return {
    system: row.system,
    station_id: row.station_id,
    poll_id: 'poll-7',
    tbin_utc: row.tbin_utc,
    ts_utc: row.ts_utc,
    predicted_utc: BIN + 75_250,
    valid_until: BIN + 3_661_500,
    stale: false,
    bikes: row.bikes ?? 0,
    docks: row.docks,
    capacity: row.capacity,
    horizons,
  }
}

/** What every look-up store promises. */
export function describeLookUpStore(name: string, open: () => Promise<LookUpStoreUnderTest>): void {
  describe(`look-up store: ${name}`, () => {
    let system = ''
    beforeEach(() => {
      run += 1
      system = `town-${process.pid}-${run}`
    })
    const withStore = async (law: (store: LookUpStore) => Promise<void>) => {
      const opened = await open()
      try {
        await law(opened.store)
      } finally {
        await opened.close()
      }
    }
    const meta = (more: Partial<SystemLookUp> = {}): Omit<SystemLookUp, 'sequence'> => ({
      system,
      source: 'simulate',
      poll_id: 'poll-7',
      outcome: 'ok',
      tbin_utc: BIN,
      ts_utc: BIN + 61_500,
      fetched_utc: BIN + 75_250,
      stations: 2,
      stale: false,
      withheld: false,
      horizons: [15, 60],
      model_versions: { '15': 'persistence@0.1.0', '60': 'persistence@0.1.0' },
      ...more,
    })

    test('what was never published is absent', () =>
      withStore(async (store) => {
        expect(await store.system(system)).toBeNull()
        expect(await store.station(system, 'a')).toBeNull()
        expect(await store.stations(system)).toEqual([])
      }))

    test('rows come back as published: forecasts, nulls, quantiles and single precision', () =>
      withStore(async (store) => {
        const full = lookUp(system, 'b')
        full.forecast = forecastOf(full, [
          horizon(5, {
            docks_mean: Math.fround(26.3),
            docks_median: 26,
            bikes_q10: 1,
            bikes_q50: Math.fround(3.3),
            bikes_q90: Math.fround(8.1),
            p_bike: Math.fround(0.97),
            p_dock: 1,
          }),
          horizon(60),
        ])
        const bare = lookUp(system, 'a', {
          name: null,
          lat: null,
          lon: null,
          capacity: null,
          bikes: null,
          docks: null,
          in_service: false,
        })
        expect(await store.publish({ system: meta(), rows: [full, bare], ttlSeconds: 60 })).toBe(true)
        expect(await store.stations(system)).toEqual([bare, full])
        expect(await store.station(system, 'b')).toEqual(full)
        expect(await store.system(system)).toEqual({ ...meta(), sequence: 1 })
      }))

    test('a forecast of no horizon is not the same as no forecast', () =>
      withStore(async (store) => {
        const row = lookUp(system, 'a')
        row.forecast = forecastOf(row, [])
        await store.publish({ system: meta(), rows: [row], ttlSeconds: 60 })
        expect((await store.station(system, 'a'))?.forecast?.horizons).toEqual([])
      }))

    test('a publish replaces a row whole: a forecast that is withheld disappears', () =>
      withStore(async (store) => {
        const row = lookUp(system, 'a')
        row.forecast = forecastOf(row, [horizon(15)])
        await store.publish({ system: meta(), rows: [row], ttlSeconds: 60 })
        const later = { ...row, forecast: null }
        const withheld = meta({ fetched_utc: BIN + 9_000_000, withheld: true, stale: true })
        await store.publish({ system: withheld, rows: [later], ttlSeconds: 60 })
        expect(await store.station(system, 'a')).toEqual(later)
        expect(await store.system(system)).toMatchObject({ withheld: true, stale: true, sequence: 2 })
      }))

    test('an older bin, or an older fetch of the same bin, changes nothing', () =>
      withStore(async (store) => {
        const row = lookUp(system, 'a')
        await store.publish({ system: meta(), rows: [row], ttlSeconds: 60 })
        const old = lookUp(system, 'a', { bikes: 0 })
        for (const older of [
          meta({ tbin_utc: BIN - 300_000, fetched_utc: BIN + 99_999_999 }),
          meta({ fetched_utc: BIN + 75_249 }),
        ]) {
          expect(await store.publish({ system: older, rows: [old], ttlSeconds: 60 })).toBe(false)
        }
        expect(await store.station(system, 'a')).toEqual(row)
        expect(await store.system(system)).toEqual({ ...meta(), sequence: 1 })
      }))

    test('publishing the same poll again is taken and moves the sequence', () =>
      withStore(async (store) => {
        const rows = [lookUp(system, 'a')]
        await store.publish({ system: meta(), rows, ttlSeconds: 60 })
        expect(await store.publish({ system: meta(), rows, ttlSeconds: 60 })).toBe(true)
        expect((await store.system(system))?.sequence).toBe(2)
        expect(await store.stations(system)).toEqual(rows)
      }))

    test('stations absent from a publish keep what they have', () =>
      withStore(async (store) => {
        const [a, b] = [lookUp(system, 'a'), lookUp(system, 'b')]
        await store.publish({ system: meta(), rows: [a, b], ttlSeconds: 60 })
        const next = lookUp(system, 'b', { bikes: 9 })
        await store.publish({ system: meta({ fetched_utc: BIN + 80_000 }), rows: [next], ttlSeconds: 60 })
        expect(await store.stations(system)).toEqual([a, next])
      }))

    test('a city of 1,201 stations is read whole, sorted by id; a publish without rows moves its state alone', () =>
      withStore(async (store) => {
        const rows = Array.from({ length: 1_201 }, (_, place) => lookUp(system, `${place}`))
        await store.publish({ system: meta(), rows, ttlSeconds: 60 })
        await store.publish({ system: meta({ outcome: 'failed' }), rows: [], ttlSeconds: 60 })
        const ids = (await store.stations(system)).map(({ station_id }) => station_id)
        expect(ids).toEqual(rows.map(({ station_id }) => station_id).sort())
        expect((await store.system(system))?.outcome).toBe('failed')
      }))

    test('systems are listed with their state, sorted by id, apart from each other', () =>
      withStore(async (store) => {
        const other = `${system}-b`
        await store.publish({ system: meta({ system: other }), rows: [lookUp(other, 'x')], ttlSeconds: 60 })
        await store.publish({ system: meta(), rows: [lookUp(system, 'a')], ttlSeconds: 60 })
        const own = (await store.systems()).filter((entry) => entry.system.startsWith(system))
        expect(own.map((entry) => entry.system)).toEqual([system, other])
        expect((await store.stations(system)).map(({ station_id }) => station_id)).toEqual(['a'])
      }))
  })
}
