import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  calibratedRow,
  fitCalibration,
  type OutOfSampleRows,
} from '../../../services/domain/forecasting/calibration.ts'
import { cautiousMedian } from '../../../services/domain/forecasting/change-distribution.ts'
import { applyIsotonic, fitIsotonic } from '../../../services/domain/forecasting/isotonic.ts'
import { activityClasses } from '../../../services/domain/forecasting/persistence-guard.ts'
import { pitShare } from '../../../services/train/backtest-scores.ts'
import { createRandom } from '../../../services/train/random.ts'

const STATIONS = 12

/** Changes whose expectation the models know up to noise; every `stuck`th station never moves as they say. */
function rows(seed: number, size: number, { stuck = 3 } = {}): OutOfSampleRows {
  const random = createRandom(seed)
  const noise = (): number => random() + random() + random() - 1.5
  const columns = ['squared', 'robust', 'absolute', 'scale', 'bikes', 'docks', 'change', 'then'] as const
  const values = Object.fromEntries(columns.map((name) => [name, new Float32Array(size)])) as Record<
    (typeof columns)[number],
    Float32Array
  >
  const station = new Int32Array(size)
  const hour = new Uint8Array(size)
  for (let row = 0; row < size; row += 1) {
    station[row] = Math.floor(random() * STATIONS)
    hour[row] = Math.floor(random() * 24)
    const bikes = Math.floor(random() * 21)
    const expected = noise() * 4
    const scale = 0.5 + Math.abs(expected)
    const raw = station[row]! % stuck === 0 ? 0 : Math.round(expected + noise() * scale)
    const change = Math.min(Math.max(raw, -bikes), 20 - bikes)
    values.squared[row] = expected + noise() * 0.3
    values.robust[row] = expected + noise() * 0.3
    values.absolute[row] = expected + noise() * 0.3
    values.scale[row] = scale
    values.bikes[row] = bikes
    values.docks[row] = 20 - bikes
    values.change[row] = change
    values.then[row] = 20 - bikes - change
  }
  const { squared, robust, absolute, scale, bikes, docks, change } = values
  return {
    outputs: { squared, robust, absolute, scale },
    station,
    hour,
    bikes,
    docks,
    capacity: new Float32Array(size).fill(20),
    change,
    docksThen: values.then,
  }
}

const moves = Float64Array.from({ length: STATIONS }, (_, station) => (station % 3 === 0 ? 0 : 3))
const calibration = fitCalibration(rows(1, 30_000), activityClasses(moves))
const unseen = rows(2, 10_000)
const forecasts = Array.from(unseen.change, (_, row) =>
  calibratedRow({ calibration, outputs: unseen.outputs, facts: unseen, row }),
)
const came = Array.from(unseen.change, (change, row) => unseen.bikes[row]! + change)

describe('calibration', () => {
  test('80 % band covers at least 78 % of rows it was not learned on, its randomised PIT 78 to 82 %', () => {
    const covered = forecasts.filter(({ q10, q90 }, row) => came[row]! >= q10 && came[row]! <= q90).length
    expect(covered / came.length).toBeGreaterThan(0.78)
    const pit = forecasts.reduce(
      (sum, forecast, row) => sum + pitShare(forecast.atMost(came[row]! - 1), forecast.atMost(came[row]!)),
      0,
    )
    expect(pit / came.length).toBeGreaterThan(0.78)
    expect(pit / came.length).toBeLessThan(0.82)
  })

  test('quantiles are in order and everything is within its bounds', () => {
    const broken = forecasts.filter(({ q10, median, q90, mean, docks, pBike, pDock }, row) => {
      const most = Math.max(20, unseen.bikes[row]!)
      const ordered = q10 <= median && median <= q90
      const bounded = [q10, q90, mean].every((count) => count >= 0 && count <= most) && docks >= 0
      return !(ordered && bounded && pBike > 0 && pBike < 1 && pDock > 0 && pDock < 1)
    })
    expect(broken).toEqual([])
  })

  test('probabilities of a bike and of a dock come as often as they say, within 2 %', () => {
    const gap = (probability: (row: number) => number, happened: (row: number) => boolean): number => {
      const bins = Array.from({ length: 10 }, () => 0)
      forecasts.forEach((_, row) => {
        bins[Math.min(9, Math.floor(probability(row) * 10))]! += probability(row) - (happened(row) ? 1 : 0)
      })
      return bins.reduce((sum, bin) => sum + Math.abs(bin), 0) / forecasts.length
    }
    expect(
      gap(
        (row) => forecasts[row]!.pBike,
        (row) => came[row]! >= 1,
      ),
    ).toBeLessThan(0.02)
    expect(
      gap(
        (row) => forecasts[row]!.pDock,
        (row) => unseen.docksThen[row]! >= 1,
      ),
    ).toBeLessThan(0.02)
  })

  test('stations that the models know nothing of stay at persistence', () => {
    const moved = forecasts.flatMap(({ median }, row) =>
      median === unseen.bikes[row] ? [] : [unseen.station[row]! % 3],
    )
    expect(moved.length).toBeGreaterThan(2500)
    expect(moved.filter((kind) => kind === 0)).toEqual([])
  })

  test('a cautious median is the median without a margin, and never farther from 0 with a wider one', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 11, maxLength: 11 })
    const margins = fc.tuple(
      fc.double({ min: 0, max: 0.4, noNaN: true }),
      fc.double({ min: 0, max: 0.4, noNaN: true }),
    )
    fc.assert(
      fc.property(weights, margins, (counts, [one, other]) => {
        fc.pre(counts.some((count) => count > 0))
        const all = counts.reduce((sum, count) => sum + count, 0)
        const atMost = (value: number): number =>
          counts.slice(0, value + 6).reduce((sum, count) => sum + count, 0) / all
        const quantile = (level: number): number =>
          counts.map((_, place) => place - 5).find((value) => atMost(value) >= level)!
        const own = { atMost, quantile }
        expect(cautiousMedian(own, 0)).toBe(quantile(0.5))
        const narrow = cautiousMedian(own, Math.min(one, other))
        const wide = cautiousMedian(own, Math.max(one, other))
        expect(Math.abs(wide)).toBeLessThanOrEqual(Math.abs(narrow))
        expect(wide * narrow).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  test('caution costs at most a little of what the median gains on unseen rows', () => {
    const moving = { stuck: STATIONS + 1 }
    const cautious = fitCalibration(rows(1, 30_000, moving), activityClasses(moves))
    const fresh = rows(2, 10_000, moving)
    const gain = (margin: number): number =>
      fresh.change.reduce((sum, change, row) => {
        const { median } = calibratedRow({
          calibration: { ...cautious, margin },
          outputs: fresh.outputs,
          facts: fresh,
          row,
        })
        return sum + Math.abs(change) - Math.abs(fresh.bikes[row]! + change - median)
      }, 0)
    expect(cautious.margin).toBeGreaterThan(0)
    expect(gain(cautious.margin)).toBeGreaterThan(0.96 * gain(0))
  })

  test('an isotonic curve never falls and gives back the shares it was learned on', () => {
    const random = createRandom(3)
    const raw = Float32Array.from({ length: 20_000 }, () => random())
    const outcome = Uint8Array.from(raw, (value) => (random() < value * value ? 1 : 0))
    const curve = fitIsotonic(raw, outcome)
    let before = 0
    for (let value = 0; value <= 1; value += 0.01) {
      const found = applyIsotonic(curve, value)
      expect(found).toBeGreaterThanOrEqual(before)
      expect(Math.abs(found - value * value)).toBeLessThan(0.08)
      before = found
    }
  })
})
