import { enrichPoll } from '../../services/domain/enrich.ts'
import { eventTime } from '../../services/domain/event-time.ts'
import type { Observation } from '../../services/domain/observation.ts'
import type { PollAnswer } from '../../services/ingest/poll-answer.ts'
import {
  informationOf,
  pollAnswerOf,
  type RecordedPoll,
  recordCity,
  weatherOf,
} from '../../services/ingest/simulator/record.ts'

export const CITY = 'measured'
/** First poll of the city, unless another is given. */
export const START = Date.UTC(2026, 4, 12, 6)

/** Polls of a seeded city, a minute apart. */
export function cityPolls({
  polls,
  stations = 1500,
  start = START,
}: {
  polls: number
  stations?: number
  start?: number
}): Generator<RecordedPoll> {
  return recordCity({ seed: 7, stations, start, end: start + polls * 60_000 })
}

export type StatusAnswer = Extract<PollAnswer, { kind: 'status' }>

export function statusAnswer(poll: RecordedPoll): StatusAnswer {
  const answer = pollAnswerOf(poll)
  if (answer.kind !== 'status') throw new TypeError('a city without faults answers every poll')
  return answer
}

/** A poll's observations, complete with description and weather. */
export function observationsOf(poll: RecordedPoll): Observation[] {
  const { status, fetched_utc } = statusAnswer(poll)
  const time = eventTime({ publishedUtc: status.published_utc, fetchedUtc: fetched_utc })
  return enrichPoll({
    system: CITY,
    pollId: `poll-${time.ts_utc}`,
    time,
    publishedUtc: status.published_utc,
    stations: status.stations,
    descriptions: new Map(informationOf(poll).map((station) => [station.station_id, station])),
    weather: weatherOf(poll, CITY),
  }).observations
}
