import { localDayName } from '../domain/calendar.ts'
import { roundHalfEven } from '../domain/forecast.ts'
import { calibratedRow } from '../domain/forecasting/calibration.ts'
import { binAt } from '../domain/forecasting/station-grid.ts'
import { HorizonScorer, type HorizonScores, type ScoredRow } from './backtest-scores.ts'
import type { Champion } from './champion.ts'
import { ensembleOutputs } from './ensembles.ts'
import type { GateCell, GateFigures, GateInput } from './gate.ts'
import { columnsOf, docksThen, factsOf, type HorizonModel } from './horizon-model.ts'
import { judgedRows, type RowSource } from './training-rows.ts'

export interface HoldoutResult {
  gate: GateInput
  scores: HorizonScores
  /** On the rows that the champion had not been trained on; null without a champion or such rows. */
  champion: { version: string; scores: HorizonScores; challenger: HorizonScores } | null
}

/** Bins at a time: bounds memory to about 100 MB for 1,500 stations. */
const CHUNK_BINS = 96
const UNKNOWN = { bike: Number.NaN, dock: Number.NaN }

/**
 * Scores a model on rows that it had not seen, outside of frozen stretches, and the champion beside it on the same
 * rows. Reads the grid, changes nothing.
 */
export async function scoreHoldout({
  source,
  model,
  span,
  champion,
}: {
  source: RowSource
  model: HorizonModel
  span: { from: number; until: number }
  champion: Champion | null
}): Promise<HoldoutResult> {
  const { grid } = source
  const last = Math.min(span.until, grid.bins - source.horizonMinutes / 5)
  const own = new Tally()
  const common = { challenger: new HorizonScorer(), champion: new HorizonScorer(), cells: new Cells() }
  let compared = 0
  for (let from = span.from; from < last; from += CHUNK_BINS) {
    const chunk = { from, until: Math.min(last, from + CHUNK_BINS) }
    const scored = scoredRows(source, model, chunk)
    for (const row of scored.rows) own.add(row)
    if (champion === null) continue
    const firstNew = Math.ceil((champion.cutOff - grid.start) / 300_000)
    const fresh = { from: Math.max(chunk.from, firstNew), until: chunk.until }
    if (fresh.from >= fresh.until) continue
    for (const { row, station, forecast } of await champion.forecast(source, fresh)) {
      const place = scored.place[(row - chunk.from) * grid.stations + station]!
      if (place < 0) continue
      const challenger = scored.rows[place]!
      const theirs = { ...challenger, forecast }
      common.challenger.add(challenger)
      common.champion.add(theirs)
      common.cells.add(challenger, errorOf(challenger), errorOf(theirs))
      compared += 1
    }
  }
  const scores = own.scorer.scores()
  const against =
    champion === null || compared === 0
      ? null
      : {
          version: champion.version,
          scores: common.champion.scores(),
          challenger: common.challenger.scores(),
        }
  return {
    gate: {
      cells: own.cells.all(),
      challenger: figuresOf(scores),
      persistenceRmse: scores.rmse_persistence,
      champion:
        against === null
          ? null
          : {
              cells: common.cells.all(),
              champion: figuresOf(against.scores),
              challenger: figuresOf(against.challenger),
            },
    },
    scores,
    champion: against,
  }
}

class Tally {
  readonly scorer = new HorizonScorer()
  readonly cells = new Cells()

  add(row: ScoredRow): void {
    this.scorer.add(row)
    this.cells.add(row, errorOf(row), Math.abs(row.bikesNow - row.bikesThen))
  }
}

/** Errors by local hour and day; a few numbers for each. */
class Cells {
  readonly #cells = new Map<string, GateCell>()

  add({ hour, day }: ScoredRow, challenger: number, rival: number): void {
    const key = `${day} ${hour}`
    const cell = this.#cells.get(key) ?? { hour, day, n: 0, challenger: 0, rival: 0 }
    this.#cells.set(key, cell)
    cell.n += 1
    cell.challenger += challenger
    cell.rival += rival
  }

  all(): GateCell[] {
    return [...this.#cells.values()]
  }
}

function scoredRows(
  source: RowSource,
  model: HorizonModel,
  span: { from: number; until: number },
): { rows: ScoredRow[]; place: Int32Array } {
  const { grid, timezone } = source
  const samples = judgedRows(source, span, { profile: model.profile, stride: 1, skipFrozen: true })
  const place = new Int32Array((span.until - span.from) * grid.stations).fill(-1)
  const rows: ScoredRow[] = []
  if (samples.rows === 0) return { rows, place }
  const facts = factsOf(source, samples)
  const outputs = ensembleOutputs(model.ensembles, columnsOf(samples, model.features))
  const docks = docksThen(source, samples)
  for (let row = 0; row < samples.rows; row += 1) {
    const bin = samples.bin[row]!
    const station = samples.station[row]!
    place[(bin - span.from) * grid.stations + station] = row
    rows.push({
      forecast: calibratedRow({ calibration: model.calibration, outputs, facts, row }),
      station,
      hour: facts.hour[row]!,
      day: localDayName({ utc: binAt(grid, bin), timezone }),
      bikesNow: facts.bikes[row]!,
      bikesThen: facts.bikes[row]! + samples.change[row]!,
      docksNow: facts.docks[row]!,
      docksThen: docks[row]!,
      climatology: UNKNOWN,
      persistence: UNKNOWN,
    })
  }
  return { rows, place }
}

function errorOf({ forecast, bikesThen }: ScoredRow): number {
  return Math.abs(roundHalfEven(forecast.median) - bikesThen)
}

function figuresOf(scores: HorizonScores): GateFigures {
  const { rmse_model, coverage_80, pit_coverage_80, p_bike, p_dock } = scores
  return {
    rmse: rmse_model,
    coverage_80,
    pit_coverage_80,
    ece_bike: p_bike.model.n === 0 ? null : p_bike.model.ece,
    ece_dock: p_dock.model.n === 0 ? null : p_dock.model.ece,
  }
}
