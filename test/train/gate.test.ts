import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GATE_LIMITS, type GateCell, type GateInput, judgeChallenger } from '../../services/train/gate.ts'

const GOOD = { rmse: 1, coverage_80: 0.82, pit_coverage_80: 0.8, ece_bike: 0.01, ece_dock: 0.01 }

/** A week of all hours: `own` and `rival` give the mean error of an hour and day. */
function week(
  own: (hour: number, day: number) => number,
  rival: (hour: number, day: number) => number = () => 1,
  days = 7,
): GateCell[] {
  const cells: GateCell[] = []
  for (let day = 0; day < days; day += 1) {
    for (let hour = 0; hour < 24; hour += 1) {
      const challenger = 100 * own(hour, day)
      cells.push({ hour, day: `2026-03-0${day + 1}`, n: 100, challenger, rival: 100 * rival(hour, day) })
    }
  }
  return cells
}

function input(cells: GateCell[], over: Partial<GateInput> = {}): GateInput {
  return { cells, challenger: GOOD, persistenceRmse: 1.1, champion: null, ...over }
}

const champion = (cells: GateCell[]): GateInput['champion'] => ({ cells, champion: GOOD, challenger: GOOD })

function failed(given: GateInput): string[] {
  return judgeChallenger(given)
    .checks.filter(({ passed }) => !passed)
    .map(({ name }) => name)
}

const errors = fc.array(
  fc.tuple(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 5, noNaN: true })),
  {
    minLength: 168,
    maxLength: 168,
  },
)
const cellsOf = (values: [number, number][]): GateCell[] =>
  week(
    (hour, day) => values[day * 24 + hour]![0],
    (hour, day) => values[day * 24 + hour]![1],
  )

describe('the gate', () => {
  test('passes a model that is better everywhere and calibrated', () => {
    expect(failed(input(week(() => 0.9)))).toEqual([])
    expect(
      failed(
        input(
          week(() => 0.9),
          {
            champion: champion(
              week(
                () => 0.9,
                () => 0.95,
              ),
            ),
          },
        ),
      ),
    ).toEqual([])
  })

  test('never passes a model whose errors are not below those of persistence, nor one no better than the champion', () => {
    fc.assert(
      fc.property(errors, (values) => {
        const cells = cellsOf(values)
        const worse = cells.map((cell) => ({ ...cell, challenger: Math.max(cell.challenger, cell.rival) }))
        expect(failed(input(worse))).toContain('persistence_overall')
        expect(
          failed(
            input(
              week(() => 0.5),
              { champion: champion(worse) },
            ),
          ),
        ).toContain('champion_overall')
      }),
      { numRuns: 10 },
    )
  })

  test('making a challenger better never turns a pass into a refusal', () => {
    fc.assert(
      fc.property(
        errors,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 168, maxLength: 168 }),
        (values, shares) => {
          const cells = cellsOf(values)
          const better = cells.map((cell, at) => ({ ...cell, challenger: cell.challenger * shares[at]! }))
          const before = new Set(failed(input(cells, { champion: champion(cells) })))
          for (const name of failed(input(better, { champion: champion(better) })))
            expect(before).toContain(name)
        },
      ),
      { numRuns: 10 },
    )
  })

  test('does not depend on the order of the cells, nor on the size of the unit', () => {
    fc.assert(
      fc.property(errors, fc.double({ min: 0.1, max: 10, noNaN: true }), (values, unit) => {
        const cells = cellsOf(values)
        const scaled = cells.map((cell) => ({
          ...cell,
          challenger: cell.challenger * unit,
          rival: cell.rival * unit,
        }))
        expect(failed(input([...scaled].reverse()))).toEqual(failed(input(cells)))
      }),
      { numRuns: 10 },
    )
  })

  test('one bad hour refuses a model that is better overall', () => {
    const cells = week((hour) => (hour === 8 ? 1.05 : 0.8))
    expect(failed(input(cells))).toEqual(['persistence_hours'])
    expect(
      judgeChallenger(input(cells)).checks.find(({ name }) => name === 'persistence_hours')?.detail,
    ).toContain('8 h -5.00 %')
  })

  test('an hour that is bad on a day and good on others is noise', () => {
    expect(failed(input(week((hour, day) => (hour === 8 ? (day < 5 ? 1.3 : 0.8) : 0.8))))).toEqual([])
  })

  test('an hour within the tolerance passes; against the champion it is wider', () => {
    const slightly = week((hour) => (hour === 3 ? 1.009 : 0.8))
    expect(failed(input(slightly))).toEqual([])
    const by = (loss: number): GateCell[] => week((hour) => (hour === 3 ? 1 + loss : 0.8))
    expect(
      failed(
        input(
          week(() => 0.8),
          { champion: champion(by(0.029)) },
        ),
      ),
    ).toEqual([])
    expect(
      failed(
        input(
          week(() => 0.8),
          { champion: champion(by(0.05)) },
        ),
      ),
    ).toEqual(['champion_hours'])
  })

  test('few days tell no noise from loss: only a great loss counts', () => {
    const hourly = (loss: number): GateCell[] =>
      week(
        (hour) => (hour === 3 ? 1 + loss : 0.8),
        () => 1,
        3,
      )
    expect(failed(input(hourly(0.1)))).toEqual([])
    expect(failed(input(hourly(0.3)))).toEqual(['persistence_hours'])
  })

  test.each([
    ['coverage', { coverage_80: 0.7 }],
    ['pit', { pit_coverage_80: 0.9 }],
    ['ece_bike', { ece_bike: 0.06 }],
    ['ece_dock', { ece_dock: 0.06 }],
    ['persistence_rmse', { rmse: 1.2 }],
    ['coverage', { coverage_80: Number.NaN }],
  ])('%s alone refuses', (name, over) => {
    expect(
      failed(
        input(
          week(() => 0.8),
          { challenger: { ...GOOD, ...over } },
        ),
      ),
    ).toEqual([name])
  })

  test('worse calibration than the champion refuses, and a feed without docks is not judged by them', () => {
    const cells = week(() => 0.8)
    const worse = { cells, champion: GOOD, challenger: { ...GOOD, ece_bike: 0.04 } }
    expect(failed(input(cells, { champion: worse }))).toEqual(['champion_ece_bike'])
    const dockless = { ...GOOD, ece_dock: null }
    const rival = { cells, champion: dockless, challenger: dockless }
    expect(failed(input(cells, { challenger: dockless, champion: rival }))).toEqual([])
  })

  test('too few rows refuse', () => {
    const few = week(() => 0.8).map((cell) => ({ ...cell, n: 1 }))
    expect(few.length).toBeLessThan(GATE_LIMITS.rows)
    expect(failed(input(few))).toEqual(['rows'])
  })
})
