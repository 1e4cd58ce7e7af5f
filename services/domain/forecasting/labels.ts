import { BIN_MS } from '../bin.ts'
import { type BinChange, changeRates, frozenStretches, hasChanged, isFrozen } from '../frozen.ts'
import { NO_AGE, type StationGrid } from './station-grid.ts'

/** No label: a count is missing, or a side is out of service. */
export const NO_LABEL = -32_768

/** One end of a label: what a station showed in a bin. */
export interface LabelEnd {
  bikes: number | null
  inService: boolean
}

/** The law of labels: a change counts between two known counts, in service at both ends. NO_LABEL otherwise. */
export function changeBetween({ from, to }: { from: LabelEnd; to: LabelEnd }): number {
  if (from.bikes === null || to.bikes === null || !from.inService || !to.inService) return NO_LABEL
  return to.bikes - from.bikes
}

/**
 * Change in bikes of a station from bin T (a row of the grid) to exactly T + h: midnight and gaps make no difference.
 * NO_LABEL unless both ends are known and in service. `horizonBins` is the horizon in bins.
 */
export function changeLabel({
  grid,
  row,
  station,
  horizonBins,
}: {
  grid: StationGrid
  row: number
  station: number
  horizonBins: number
}): number {
  if (row < 0 || row + horizonBins >= grid.bins) return NO_LABEL
  const from = row * grid.stations + station
  const to = from + horizonBins * grid.stations
  return changeBetween({ from: endOf(grid, from), to: endOf(grid, to) })
}

function endOf({ age, bikes, service }: StationGrid, cell: number): LabelEnd {
  return { bikes: age[cell] === NO_AGE ? null : bikes[cell]!, inService: service[cell] !== 0 }
}

/**
 * Rows of the grid whose values only repeat those of a frozen feed's start, 1 each: by the shared rule of
 * `frozenStretches`, with the change rates of the given span (rows before `until`) as the reference.
 */
export function frozenRows({
  grid,
  timezone,
  until = grid.bins,
}: {
  grid: StationGrid
  timezone: string
  until?: number
}): Uint8Array {
  const changes = observedChanges(grid)
  const last = grid.start + until * BIN_MS
  const rates = changeRates({ changes: changes.filter(({ bin }) => bin < last), timezone })
  const stretches = frozenStretches({ changes, rates, timezone })
  const frozen = new Uint8Array(grid.bins)
  for (let row = 0; row < grid.bins; row += 1) {
    if (isFrozen(stretches, grid.start + row * BIN_MS)) frozen[row] = 1
  }
  return frozen
}

/** Changes from each observed bin to the observed one before it; carried cells are no observations. */
function observedChanges(grid: StationGrid): BinChange[] {
  const { stations, bins, age } = grid
  const before = new Int32Array(stations).fill(-1)
  const changes: BinChange[] = []
  const counts = (cell: number): Parameters<typeof hasChanged>[0] => ({
    bikes: grid.bikes[cell]!,
    docks: grid.docks[cell]!,
    mechanical: grid.mechanical[cell]!,
    ebike: grid.ebike[cell]!,
  })
  for (let row = 0; row < bins; row += 1) {
    let changed = 0
    let known = 0
    let seen = false
    for (let station = 0; station < stations; station += 1) {
      const cell = row * stations + station
      if (age[cell]! > 300) continue
      seen = true
      const last = before[station]!
      // Known in both this observed bin and the one observed before it.
      if (last >= 0) {
        known += 1
        if (hasChanged(counts(last), counts(cell))) changed += 1
      }
      before[station] = cell
    }
    if (seen) changes.push({ bin: grid.start + row * BIN_MS, changed, stations: known })
  }
  return changes
}
