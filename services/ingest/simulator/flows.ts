import type { LocalTime } from './calendar.ts'

/** Trips that begin, a station and hour, by local hour, before `DEMAND`. Two peaks on weekdays, one broad on weekends. */
const WEEKDAY = [
  0.9, 0.5, 0.3, 0.2, 0.2, 0.5, 1.5, 4.2, 6.6, 4.8, 3.3, 3.4, 4.1, 4.1, 3.7, 3.8, 4.5, 6.0, 6.9, 5.6, 4.1,
  3.0, 2.3, 1.6,
]
const WEEKEND = [
  1.9, 1.5, 1.0, 0.7, 0.5, 0.4, 0.6, 1.0, 1.7, 2.7, 3.7, 4.3, 4.6, 4.8, 5.1, 5.2, 5.3, 5.3, 5.0, 4.5, 3.8,
  3.1, 2.8, 2.4,
]
/** Share of weekday trips that are commutes to work, and home from it, by local hour: as many a day one way as the other. */
const TO_WORK = [
  0, 0, 0, 0, 0.1, 0.3, 0.5, 0.6, 0.6, 0.45, 0.15, 0.05, 0.05, 0.1, 0.05, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]
const FROM_WORK = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.02, 0.1, 0.05, 0.05, 0.1, 0.25, 0.4, 0.42, 0.35, 0.2, 0.1, 0.1, 0.05,
]

/** Overall level: set so that the persistence error at 15 minutes is that of Paris. */
const DEMAND = 1.06
/** How directed commutes are: the rest of them ride anywhere. Sets the persistence error at 60 minutes. */
const DIRECTED = 0.5

/** Demand of one minute. */
export interface Demand {
  /** Trips that want to begin in the minute, a station, in fair weather. */
  trips: number
  /** Probability that a trip is a commute to work, or home from it; the rest rides anywhere. */
  toWork: number
  fromWork: number
}

/** Demand at a local time: hourly values with straight lines between the middles of hours. */
export function demandAt({ weekday, hour }: LocalTime): Demand {
  const weekend = weekday >= 5
  const friday = weekday === 4 && hour >= 20 ? 1.3 : 1
  const trips = ((between(weekend ? WEEKEND : WEEKDAY, hour) * DEMAND) / 60) * friday
  if (weekend) return { trips, toWork: 0, fromWork: 0 }
  return { trips, toWork: DIRECTED * between(TO_WORK, hour), fromWork: DIRECTED * between(FROM_WORK, hour) }
}

function between(hourly: number[], hour: number): number {
  const position = hour - 0.5
  const left = Math.floor(position)
  const share = position - left
  const at = (index: number): number => hourly[((index % 24) + 24) % 24]!
  return at(left) * (1 - share) + at(left + 1) * share
}
