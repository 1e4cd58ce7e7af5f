import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  historyPolls,
  historySpan,
  samplePlaces,
} from '../../../services/cli/first-minutes/simulated-history.ts'
import { recordCity } from '../../../services/ingest/simulator/record.ts'

const DAY = 86_400_000
const city = { seed: 3, stations: 40, centre: { lat: 48.8566, lon: 2.3522 }, timezone: 'Europe/Paris' }

interface Body {
  data: { stations: { station_id: string }[] }
}
const stationsOf = (body: unknown): { station_id: string }[] => (body as Body).data.stations

test('a sample has as many different stations as asked, or all, spread over the whole order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 3000 }), (total, count) => {
      const places = samplePlaces({ total, count })
      expect(new Set(places).size).toBe(Math.min(total, count))
      const gaps = places.map((place, index) => (places[index + 1] ?? total) - place)
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1)
    }),
  )
})

test('a history is whole UTC days that end before the city lives', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1e12, max: 2e12 }), fc.integer({ min: 3, max: 60 }), (now, days) => {
      const { from, until } = historySpan({ now, days })
      expect([from % DAY, until % DAY, until - from]).toEqual([0, 0, days * DAY])
      expect(until).toBeLessThanOrEqual(now)
      expect(now - until).toBeLessThan(DAY)
    }),
  )
})

describe('the polls of a history', () => {
  const from = Date.parse('2026-03-03T00:00:00Z')
  const until = from + 2 * 3_600_000
  const polls = [...historyPolls({ city, sample: 8, from, until })]
  const whole = [...recordCity({ ...city, start: from, end: until + 300_000, pollSeconds: 300 })]

  test('are one in each bin, and one more that closes the last', () => {
    expect(polls.map(({ fetched_utc }) => Math.floor((fetched_utc - from) / 300_000))).toEqual(
      Array.from({ length: 25 }, (_, bin) => bin),
    )
  })

  test('say of their stations what the whole city would have said', () => {
    polls.forEach((poll, index) => {
      const all = new Map(stationsOf(whole[index]?.status).map((station) => [station.station_id, station]))
      expect(stationsOf(poll.status)).toHaveLength(8)
      for (const station of stationsOf(poll.status)) expect(station).toEqual(all.get(station.station_id))
    })
  })

  test('describe the same stations, by one file', () => {
    expect(new Set(polls.map(({ information }) => information)).size).toBe(1)
    const described = stationsOf(polls[0]?.information).map(({ station_id }) => station_id)
    expect(described).toEqual(stationsOf(polls[0]?.status).map(({ station_id }) => station_id))
  })
})
