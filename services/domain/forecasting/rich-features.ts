import type { Moment } from './moment.ts'
import { DAY_SLOTS } from './moment.ts'
import { NEIGHBOURS, type Neighbourhood } from './neighbours.ts'
import type { Profile } from './profile.ts'
import { NO_COUNT, type StationGrid } from './station-grid.ts'
import type { StationPlace } from './station-place.ts'
import {
  CHANGE_LAGS,
  FLOW_BINS,
  MEAN_BINS,
  readHistory,
  SPREAD_BINS,
  type WindowHistory,
} from './window-history.ts'

/** Version of the definitions below. Any change of a formula is a new version. */
export const RICH_FEATURE_SET = 'rich-1'

/** Names in the order of a row's values. Definitions: docs/forecasting.md. */
export const RICH_FEATURES: readonly string[] = [
  'bikes',
  'docks',
  'capacity',
  'mechanical',
  'ebike',
  'occupancy',
  'dock_share',
  'out_of_use',
  ...CHANGE_LAGS.map((lag) => `change_${lag}`),
  ...MEAN_BINS.map((bins) => `above_mean_${bins}`),
  ...SPREAD_BINS.map((bins) => `spread_${bins}`),
  'trend_12',
  ...FLOW_BINS.flatMap((bins) => [`arrivals_${bins}`, `departures_${bins}`]),
  'moves_48',
  'minutes_since_change',
  'last_change',
  'observation_age_s',
  'network_change_15',
  'network_change_60',
  'near_occupancy',
  'near_change_15',
  'near_change_60',
  'near_moves_12',
  'lat',
  'lon',
  'centre_km',
  'near_km',
  'minute_of_day',
  'day_sin',
  'day_cos',
  'day_of_week',
  'free_day',
  'temp_C',
  'precip_mm',
  'wind_mps',
  'area_change',
  'station_change',
  'week_change',
  'station_moves',
  'below_usual',
]

/** What training froze: of the stations in the grid's order, for one horizon. */
interface FeatureEncoders {
  horizonMinutes: number
  places: readonly StationPlace[]
  neighbourhood: Neighbourhood
  profile: Profile
}

export interface FeatureInput {
  grid: StationGrid
  /** Row of bin T in the grid; rows after it and before T−48 are never read. */
  row: number
  /** Local calendar at T. */
  moment: Moment
  encoders: FeatureEncoders
  /** `readHistory` of the same grid and row, where it is there already. */
  history?: WindowHistory
  /** stations × RICH_FEATURES, row after row; made where absent. */
  out?: Float32Array
}

/**
 * Features of all stations at bin T, single precision, NaN where unknown; all NaN but what is static for a station
 * without an observation. A function of the 49 bins, the encoders and the calendar: stream, backfill, training and
 * backtest all call this. 1,500 stations take a few milliseconds.
 */
export function richFeatures({
  grid,
  row,
  moment,
  encoders,
  history: read,
  out,
}: FeatureInput): Float32Array {
  const { stations } = grid
  const width = RICH_FEATURES.length
  const features = out ?? new Float32Array(stations * width)
  const history = read ?? readHistory({ grid, row })
  const { places, neighbourhood, profile } = encoders
  const first = row * stations
  const angle = (2 * Math.PI * moment.minuteOfDay) / 1440
  const sin = Math.sin(angle)
  const cos = Math.cos(angle)
  const weather = grid.weather
  const temp = weather?.temp_C[row] ?? Number.NaN
  const precip = weather?.precip_mm[row] ?? Number.NaN
  const wind = weather?.wind_mps[row] ?? Number.NaN
  const type = moment.free ? DAY_SLOTS : 0
  const target = (moment.slot + Math.round(encoders.horizonMinutes / 30)) % DAY_SLOTS
  const capacities = new Float32Array(stations)
  for (let station = 0; station < stations; station += 1) {
    const own = grid.capacity[first + station]!
    capacities[station] = own > 0 ? own : (places[station]!.capacity ?? Number.NaN)
  }
  const sources = nearSources(history, capacities)
  const networkShort = meanOf(history.changes[2]!)
  const networkLong = meanOf(history.changes[5]!)
  for (let station = 0; station < stations; station += 1) {
    const cell = first + station
    const bikes = history.bikes[station]!
    const docks = known(grid.docks[cell]!, bikes)
    const capacity = capacities[station]!
    let at = station * width
    features[at++] = bikes
    features[at++] = docks
    features[at++] = capacity
    features[at++] = known(grid.mechanical[cell]!, bikes)
    features[at++] = known(grid.ebike[cell]!, bikes)
    features[at++] = capacity > 0 ? bikes / capacity : Number.NaN
    features[at++] = capacity > 0 ? docks / capacity : Number.NaN
    features[at++] = capacity - bikes - docks
    for (let lag = 0; lag < CHANGE_LAGS.length; lag += 1) features[at++] = history.changes[lag]![station]!
    for (let bins = 0; bins < MEAN_BINS.length; bins += 1) {
      features[at++] = bikes - history.means[bins]![station]!
    }
    for (let bins = 0; bins < SPREAD_BINS.length; bins += 1) {
      features[at++] = history.spreads[bins]![station]!
    }
    features[at++] = history.trend[station]!
    for (let bins = 0; bins < FLOW_BINS.length; bins += 1) {
      features[at++] = history.arrivals[bins]![station]!
      features[at++] = history.departures[bins]![station]!
    }
    features[at++] = history.moves[station]!
    features[at++] = history.minutesSinceChange[station]!
    features[at++] = history.lastChange[station]!
    features[at++] = Number.isNaN(bikes) ? Number.NaN : grid.age[cell]!
    features[at++] = networkShort
    features[at++] = networkLong
    at = near({ features, at, station, sources, nearest: neighbourhood.nearest })
    features[at++] = places[station]!.lat ?? Number.NaN
    features[at++] = places[station]!.lon ?? Number.NaN
    features[at++] = neighbourhood.centreKm[station]!
    features[at++] = neighbourhood.meanKm[station]!
    features[at++] = moment.minuteOfDay
    features[at++] = sin
    features[at++] = cos
    features[at++] = moment.dayOfWeek
    features[at++] = moment.free ? 1 : 0
    features[at++] = temp
    features[at++] = precip
    features[at++] = wind
    const typed = station * 2 * DAY_SLOTS + type
    features[at++] = profile.areaChange[typed + moment.slot]!
    features[at++] = profile.stationChange[typed + moment.slot]!
    features[at++] = profile.weekChange[(station * 7 + moment.habit) * DAY_SLOTS + moment.slot]!
    features[at++] = profile.stationMoves[typed + moment.slot]!
    features[at++] = profile.stationLevel[typed + target]! - bikes
  }
  return features
}

/** Means over the nearest stations that are known; NaN without any. */
function near(options: {
  features: Float32Array
  at: number
  station: number
  sources: NearSources
  nearest: Int32Array
}): number {
  const { features, station, sources, nearest } = options
  let at = options.at
  for (let place = 0; place < sources.length; place += 1) {
    const values = sources[place]!
    let sum = 0
    let count = 0
    for (let rank = 0; rank < NEIGHBOURS; rank += 1) {
      const other = nearest[station * NEIGHBOURS + rank]!
      if (other < 0) break
      const value = values[other]!
      if (Number.isNaN(value)) continue
      sum += value
      count += 1
    }
    features[at++] = count > 0 ? sum / count : Number.NaN
  }
  return at
}

/** What the neighbours of a station are asked for, one value a station: occupancy, two changes and moves. */
type NearSources = readonly (Float32Array | Float64Array)[]

/** In double precision where a value is computed here: a mean is rounded once. */
function nearSources(history: WindowHistory, capacities: Float32Array): NearSources {
  const occupancy = Float64Array.from(history.bikes, (bikes, station) =>
    capacities[station]! > 0 ? bikes / capacities[station]! : Number.NaN,
  )
  const moves = Float64Array.from(
    history.arrivals[1]!,
    (arrivals, station) => arrivals + history.departures[1]![station]!,
  )
  return [occupancy, history.changes[2]!, history.changes[5]!, moves]
}

function known(count: number, bikes: number): number {
  return count === NO_COUNT || Number.isNaN(bikes) ? Number.NaN : count
}

function meanOf(values: Float32Array): number {
  let sum = 0
  let count = 0
  for (const value of values) {
    if (Number.isNaN(value)) continue
    sum += value
    count += 1
  }
  return count === 0 ? Number.NaN : sum / count
}
