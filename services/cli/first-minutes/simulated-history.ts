import { DAY_MS, floorDay } from '../../domain/bin.ts'
import type { CityOptions } from '../../ingest/simulator/city.ts'
import type { FeedBody } from '../../ingest/simulator/gbfs-feed.ts'
import { type RecordedPoll, recordCity } from '../../ingest/simulator/record.ts'

/** What is made of a simulated city's past. Epoch ms, whole UTC days. */
export interface HistoryPlan {
  city: Required<Pick<CityOptions, 'seed' | 'stations' | 'centre' | 'timezone'>>
  /** Stations that the history is of, at most those of the city. */
  sample: number
  from: number
  until: number
}

/** Every bin of five minutes has a poll. */
const POLL_SECONDS = 300

/** The last whole UTC days before `now` (epoch ms): the live city's first poll comes after them. */
export function historySpan({ now, days }: { now: number; days: number }): { from: number; until: number } {
  const until = floorDay(now)
  return { from: until - days * DAY_MS, until }
}

/** `count` of `total` places, spread evenly over their order. */
export function samplePlaces({ total, count }: { total: number; count: number }): number[] {
  const least = Math.min(total, count)
  return Array.from({ length: least }, (_, place) => Math.floor((place * total) / least))
}

/**
 * Polls of the city's past as its feed would have answered them, of the sampled stations only: they are moved by the
 * riders and trucks of the whole city. Lazy, in order of their fetch; holds one poll.
 */
export function* historyPolls({ city, sample, from, until }: HistoryPlan): Generator<RecordedPoll> {
  const places = samplePlaces({ total: city.stations, count: sample })
  const cut = (body: FeedBody): FeedBody => ({
    ...body,
    data: { stations: places.map((place) => stationsOf(body)[place]) },
  })
  // The poll after the last day closes it.
  const end = until + POLL_SECONDS * 1000
  let whole: FeedBody | null = null
  let information: FeedBody | null = null
  for (const poll of recordCity({ ...city, start: from, end, pollSeconds: POLL_SECONDS })) {
    if (information === null || whole !== poll.information) {
      whole = poll.information
      information = cut(whole)
    }
    yield { ...poll, information, status: poll.status === null ? null : cut(poll.status) }
  }
}

function stationsOf({ data }: FeedBody): unknown[] {
  return (data as { stations: unknown[] }).stations
}
