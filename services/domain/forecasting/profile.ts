import { DAY_SLOTS } from './moment.ts'
import { NEIGHBOURS } from './neighbours.ts'

/** Rows of one station that a half-hour of one day can have. */
const ROWS_A_SLOT = 6
/** Days that the prior of each level counts as: from the network to the area, to the station, to its day of the week. */
const PRIOR_DAYS = { area: 2, station: 2, week: 4 } as const
const WEEK_SLOTS = 7 * DAY_SLOTS
const TYPE_SLOTS = 2 * DAY_SLOTS

/** Sums by station and half-hour of the week (cell = station * 336 + day * 48 + slot), to be added and subtracted. */
export interface ProfileSums {
  stations: number
  count: Float32Array
  change: Float32Array
  /** Of |change|. */
  moves: Float32Array
  /** Of bikes at T. */
  level: Float32Array
}

const FIELDS = ['count', 'change', 'moves', 'level'] as const

export function emptyProfileSums(stations: number): ProfileSums {
  const zeros = (): Float32Array => new Float32Array(stations * WEEK_SLOTS)
  return { stations, count: zeros(), change: zeros(), moves: zeros(), level: zeros() }
}

export function addToProfile(
  sums: ProfileSums,
  row: { station: number; habit: number; slot: number; change: number; bikes: number },
): void {
  const cell = row.station * WEEK_SLOTS + row.habit * DAY_SLOTS + row.slot
  sums.count[cell]! += 1
  sums.change[cell]! += row.change
  sums.moves[cell]! += Math.abs(row.change)
  sums.level[cell]! += row.bikes
}

/** `sums + sign * other`, in place. */
export function combineProfiles(sums: ProfileSums, other: ProfileSums, sign: 1 | -1): void {
  for (const field of FIELDS) {
    const to = sums[field]
    const from = other[field]
    for (let cell = 0; cell < to.length; cell += 1) to[cell]! += sign * from[cell]!
  }
}

/** Expected values by station and half-hour, shrunk from the network's to the station's own. Bikes over the horizon. */
export interface Profile {
  /** station * 96 + (free day ? 48 : 0) + slot */
  areaChange: Float32Array
  stationChange: Float32Array
  stationMoves: Float32Array
  /** Mean bikes; NaN where the station was never seen. */
  stationLevel: Float32Array
  /** station * 336 + day * 48 + slot */
  weekChange: Float32Array
}

/**
 * Each level is a mean with the level above as a prior of PRIOR_DAYS days, on sums smoothed over neighbouring half-hours
 * (1/4, 1/2, 1/4): network → area (the station and its nearest) → station → its day of the week. Working days and free
 * days apart. Sums without a day's rows give a profile out of fold for that day.
 */
export function buildProfile(sums: ProfileSums, nearest: Int32Array): Profile {
  const { stations } = sums
  const byType = FIELDS.map((field) => typeSums(sums[field], stations)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const [count, change, moves, level] = byType
  const network = byType.map((values) => overStations(values, stations))
  const areaChange = new Float32Array(stations * TYPE_SLOTS)
  const stationChange = new Float32Array(stations * TYPE_SLOTS)
  const stationMoves = new Float32Array(stations * TYPE_SLOTS)
  const stationLevel = new Float32Array(stations * TYPE_SLOTS).fill(Number.NaN)
  const weekChange = new Float32Array(stations * WEEK_SLOTS)
  const areaPrior = PRIOR_DAYS.area * ROWS_A_SLOT
  const stationPrior = PRIOR_DAYS.station * ROWS_A_SLOT
  const weekPrior = PRIOR_DAYS.week * ROWS_A_SLOT
  for (let station = 0; station < stations; station += 1) {
    let seen = 0
    let bikes = 0
    for (let slot = 0; slot < TYPE_SLOTS; slot += 1) {
      const cell = station * TYPE_SLOTS + slot
      seen += count[cell]!
      bikes += level[cell]!
      const rows = Math.max(network[0]![slot]!, 1)
      let areaCount = count[cell]!
      let areaSum = change[cell]!
      let areaMoves = moves[cell]!
      for (let rank = 0; rank < NEIGHBOURS; rank += 1) {
        const other = nearest[station * NEIGHBOURS + rank]!
        if (other < 0) break
        areaCount += count[other * TYPE_SLOTS + slot]!
        areaSum += change[other * TYPE_SLOTS + slot]!
        areaMoves += moves[other * TYPE_SLOTS + slot]!
      }
      const area = (areaSum + (areaPrior * network[1]![slot]!) / rows) / (areaCount + areaPrior)
      const areaMove = (areaMoves + (areaPrior * network[2]![slot]!) / rows) / (areaCount + areaPrior)
      areaChange[cell] = area
      stationChange[cell] = (change[cell]! + stationPrior * area) / (count[cell]! + stationPrior)
      stationMoves[cell] = (moves[cell]! + stationPrior * areaMove) / (count[cell]! + stationPrior)
    }
    if (seen === 0) continue
    const mean = bikes / seen
    for (let slot = 0; slot < TYPE_SLOTS; slot += 1) {
      const cell = station * TYPE_SLOTS + slot
      stationLevel[cell] = (level[cell]! + stationPrior * mean) / (count[cell]! + stationPrior)
    }
  }
  for (let station = 0; station < stations; station += 1) {
    for (let day = 0; day < 7; day += 1) {
      for (let slot = 0; slot < DAY_SLOTS; slot += 1) {
        const first = station * WEEK_SLOTS + day * DAY_SLOTS
        const prior = stationChange[station * TYPE_SLOTS + (day >= 5 ? DAY_SLOTS : 0) + slot]!
        const rows = smoothed(sums.count, first, slot)
        weekChange[first + slot] =
          (smoothed(sums.change, first, slot) + weekPrior * prior) / (rows + weekPrior)
      }
    }
  }
  return { areaChange, stationChange, stationMoves, stationLevel, weekChange }
}

/** Sums by day type, smoothed. */
function typeSums(values: Float32Array, stations: number): Float32Array {
  const sums = new Float32Array(stations * TYPE_SLOTS)
  for (let station = 0; station < stations; station += 1) {
    for (let day = 0; day < 7; day += 1) {
      const from = station * WEEK_SLOTS + day * DAY_SLOTS
      const to = station * TYPE_SLOTS + (day >= 5 ? DAY_SLOTS : 0)
      for (let slot = 0; slot < DAY_SLOTS; slot += 1) sums[to + slot]! += smoothed(values, from, slot)
    }
  }
  return sums
}

function smoothed(values: Float32Array, first: number, slot: number): number {
  const before = slot === 0 ? DAY_SLOTS - 1 : slot - 1
  const after = slot === DAY_SLOTS - 1 ? 0 : slot + 1
  return 0.25 * values[first + before]! + 0.5 * values[first + slot]! + 0.25 * values[first + after]!
}

function overStations(values: Float32Array, stations: number): Float64Array {
  const sums = new Float64Array(TYPE_SLOTS)
  for (let cell = 0; cell < stations * TYPE_SLOTS; cell += 1) sums[cell % TYPE_SLOTS]! += values[cell]!
  return sums
}
