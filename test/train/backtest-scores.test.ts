import { describe, expect, test } from 'vitest'
import { HorizonScorer, type ScoredRow } from '../../services/train/backtest-scores.ts'
import { shareWorse } from '../../services/train/day-bootstrap.ts'

/** A row whose forecast errs by `model` bikes where persistence errs by `persistence`. */
function row({
  station,
  day,
  hour,
  model,
  persistence,
}: {
  station: number
  day: number
  hour: number
  model: number
  persistence: number
}): ScoredRow {
  const then = 10 + persistence
  const median = then - model
  return {
    forecast: {
      mean: median,
      q10: 0,
      median,
      q90: 30,
      pBike: 1,
      pDock: 1,
      docks: 10,
      atMost: (value) => (value >= then ? 1 : 0),
    },
    station,
    hour,
    day: `2026-03-0${day}`,
    bikesNow: 10,
    bikesThen: then,
    docksNow: 10,
    docksThen: 10,
    climatology: { bike: 1, dock: 1 },
    persistence: { bike: 1, dock: 1 },
  }
}

function scored(days: number, errors: (day: number, hour: number) => [number, number][]) {
  const scorer = new HorizonScorer()
  for (let day = 1; day <= days; day += 1) {
    for (let hour = 0; hour < 24; hour += 1) {
      errors(day, hour).forEach(([model, persistence], station) => {
        scorer.add(row({ station, day, hour, model, persistence }))
      })
    }
  }
  return scorer.scores()
}

describe('worse beyond noise', () => {
  test('is a station that is worse on every day, not one whose one bad day outweighs the others', () => {
    const scores = scored(6, (day) => [[2, 1], day === 1 ? [9, 1] : [0, 1], [1, 2]])
    expect(scores.station_blocks).toBe('days')
    expect(scores.stations_worse_count).toBe(2)
    expect(scores.stations_worse_beyond_noise).toBeCloseTo(1 / 3, 12)
  })

  test('is told by the hours of a test with few days, where the days say nothing', () => {
    const scores = scored(1, (_, hour) => [[2, 1], hour === 7 ? [30, 1] : [0, 1]])
    expect(scores.station_blocks).toBe('hours')
    expect(scores.stations_worse).toBe(1)
    expect(scores.stations_worse_beyond_noise).toBe(0.5)
    expect(scores.hours_worse).toBe(1)
    expect(scores.hours_worse_beyond_noise).toBeNull()
  })

  test('is an hour that is worse on every day, not one with a bad day', () => {
    const scores = scored(6, (day, hour) => [
      hour === 3 ? [2, 1] : hour === 4 && day === 2 ? [9, 1] : hour === 4 ? [0, 1] : [1, 1],
    ])
    expect(scores.hours_worse).toBe(2)
    expect(scores.hours_worse_beyond_noise).toBe(1)
  })

  test('counts errors where persistence has none, and nothing where neither errs', () => {
    expect(shareWorse(Array.from({ length: 6 }, () => ({ model: 1, persistence: 0 })))).toBe(1)
    expect(shareWorse(Array.from({ length: 6 }, () => ({ model: 0, persistence: 0 })))).toBe(0)
    expect(shareWorse([{ model: 1, persistence: 0 }])).toBe(0)
  })
})
