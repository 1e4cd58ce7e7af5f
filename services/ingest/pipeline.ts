import { enrichPoll } from '../domain/enrich.ts'
import { type EventTime, eventTime } from '../domain/event-time.ts'
import type { StationDescription } from '../domain/gbfs/information.ts'
import type { Observation } from '../domain/observation.ts'
import type { PollRecord, Source } from '../domain/poll.ts'
import { ReadingError } from '../domain/reading-error.ts'
import type { Refusal } from '../domain/status.ts'
import type { WeatherReport } from '../domain/weather.ts'
import type { Platform } from '../platform/service.ts'
import { TOPICS } from '../platform/topics.ts'
import { InformationRegister } from './information-register.ts'
import { ingestMetrics } from './metrics.ts'
import type { PollAnswer } from './poll-answer.ts'
import { contentPollId, emptyPollId } from './poll-identity.ts'
import {
  informationRecord,
  pollRecords,
  type RefusedRow,
  refusedRowRecord,
  weatherRecord,
} from './records.ts'

/** What a new process must know so as not to repeat: the last status answer that was published. */
export interface PollState {
  content: string
  published_utc: number | null
  fetched_utc: number
  /** Null when none of its rows was taken. */
  ts_utc: number | null
}

/** Turns one system's polls into the topics' records. Calls must not overlap, except that of `weather`. */
export interface PollPipeline {
  /**
   * A new station information: later polls are enriched with it, changed stations are published. `seenUtc` is its
   * event time (published or fetched, epoch ms); without it the last poll's event time stands. Gives how many changed.
   */
  information(stations: readonly StationDescription[], seenUtc?: number): Promise<number>
  /** A new weather report: published, and used from now on for bins that it covers. */
  weather(report: WeatherReport): Promise<void>
  /** Publishes a poll; resolves when it is durable. After an error nothing was taken: call again with the same answer. */
  handle(answer: PollAnswer): Promise<PollRecord>
  /** Null before the first status answer. */
  state(): PollState | null
  /** Station descriptions published so far. */
  informationPublished(): number
  /** The last information, to be kept for a new process. */
  stations(): StationDescription[]
}

export interface PollPipelineOptions {
  platform: Pick<Platform, 'log' | 'codec' | 'clock' | 'logger' | 'metrics'>
  system: { id: string }
  source: Source
  /** Where an earlier process stopped. */
  resume?: { state: PollState | null; stations: readonly StationDescription[] }
  /** Called between every two steps of the commit protocol. */
  fault?: (step: string) => Promise<void> | void
}

type StatusPoll = Extract<PollAnswer, { kind: 'status' }>
type Outcome = Pick<PollRecord, 'poll_id' | 'outcome' | 'reason' | 'ts_utc' | 'ts_source' | 'fetched_utc'>

/**
 * The part of ingest that every source shares. Commit protocol of `handle`:
 *  1. refused stations are published to the dead letters;
 *  2. changed descriptions that came with the rows are published to the information topic;
 *  3. the observations and the poll record that counts them are published in one call;
 *  4. the answer becomes the last one, by which the next is `unchanged` or not.
 * Stopped between two steps, the same answer handled again gives the same poll id and the same records.
 * Rows of a poll whose published time is more than a day ahead all go to the dead letters.
 * A poll is `unchanged` when content and published time equal the last one's; without a published time each fetch
 * is its own event time, so only the very same fetch repeats. Holds one poll and one information.
 */
export function createPollPipeline(options: PollPipelineOptions): PollPipeline {
  const { platform, source, fault } = options
  const { log, codec, logger, clock } = platform
  const system = options.system.id
  const metrics = ingestMetrics(platform.metrics)
  const register = new InformationRegister()
  let informationPublished = 0
  let weather: WeatherReport | null = null
  let last: PollState | null = options.resume?.state ?? null
  let simulated = false
  if (options.resume !== undefined) register.resume(options.resume.stations)

  const step = async (name: string): Promise<void> => fault?.(name)

  async function publishChanged(seenUtc: number): Promise<number> {
    const changed = register.changed()
    if (changed.length === 0) return 0
    const records = changed.map((station) =>
      informationRecord(codec, { system, ...station, seen_utc: seenUtc }),
    )
    await log.publish(TOPICS.information, records)
    register.confirm(changed)
    informationPublished += changed.length
    return changed.length
  }

  async function publishRefused(rows: readonly RefusedRow[], pollId: string): Promise<void> {
    if (rows.length === 0) return
    await log.publish(
      TOPICS.deadLetters,
      rows.map((row) => refusedRowRecord({ system, pollId, row })),
    )
    for (const { code } of rows) metrics.deadLetters.inc({ service: 'ingest', code })
  }

  async function publishPoll(poll: PollRecord, observations: readonly Observation[]): Promise<PollRecord> {
    await log.publish(TOPICS.status, pollRecords({ codec, observations, poll }))
    metrics.polls.inc({ system, outcome: poll.outcome, reason: poll.reason ?? '' })
    metrics.eventTime.inc({ system, source: poll.ts_source })
    metrics.observations.inc({ system }, observations.length)
    for (const [reason, count] of Object.entries(poll.refused)) {
      metrics.refused.inc({ system, reason }, count)
    }
    if (poll.duration_ms !== null) metrics.requestSeconds.observe({ system }, poll.duration_ms / 1000)
    const detail = { system, poll: poll.poll_id, rows: poll.rows, refused: poll.refused, reason: poll.reason }
    if (poll.outcome === 'failed' || poll.outcome === 'refused') logger.warn(detail, `poll ${poll.outcome}`)
    else logger.debug(detail, `poll ${poll.outcome}`)
    return poll
  }

  function pollRecord(
    outcome: Outcome,
    answer: PollAnswer,
    rows = 0,
    refused: readonly Refusal[] = [],
  ): PollRecord {
    const status = answer.kind === 'status' ? answer.status : null
    if (status !== null) simulated = status.simulated === true
    return {
      system,
      ...outcome,
      rows,
      refused: countReasons(refused),
      published_utc: status?.published_utc ?? null,
      duration_ms: answer.duration_ms,
      source: simulated && source === 'live' ? 'simulate' : source,
      ttl_s: status?.ttl_s ?? null,
      gbfs_version: status?.version ?? null,
    }
  }

  function nothingNew(answer: Exclude<PollAnswer, StatusPoll>): Promise<PollRecord> {
    const { kind, fetched_utc } = answer
    const outcome: Outcome = {
      poll_id: emptyPollId({ fetchedUtc: fetched_utc, outcome: kind }),
      outcome: kind,
      reason: kind === 'failed' ? answer.code : null,
      ts_utc: null,
      ts_source: 'none',
      fetched_utc,
    }
    if (kind === 'failed') logger.warn({ system, code: answer.code }, `poll failed: ${answer.message}`)
    return publishPoll(pollRecord(outcome, answer), [])
  }

  async function refuse(answer: StatusPoll, error: ReadingError, fetched_utc: number): Promise<PollRecord> {
    const { status, content } = answer
    const poll_id = contentPollId({ publishedUtc: status.published_utc, fetchedUtc: fetched_utc, content })
    logger.warn({ system, code: error.code }, `poll refused: ${error.message}`)
    const rows = status.stations.map(
      (state): RefusedRow => ({
        code: error.code,
        station_id: state.station_id,
        message: error.message,
        raw: state,
      }),
    )
    await publishRefused([...rows, ...status.refused.map(refusedRow)], poll_id)
    await step('dead-letters')
    const outcome: Outcome = {
      poll_id,
      outcome: 'refused',
      reason: error.code,
      ts_utc: null,
      ts_source: 'none',
      fetched_utc,
    }
    return publishPoll(pollRecord(outcome, answer, 0, status.refused), [])
  }

  async function take(answer: StatusPoll, time: EventTime): Promise<PollRecord> {
    const { status, content } = answer
    const publishedUtc = status.published_utc
    const { fetched_utc, ts_utc, ts_source } = time
    if (isRepeated(last, content, publishedUtc, fetched_utc)) {
      const poll_id = emptyPollId({ fetchedUtc: fetched_utc, outcome: 'unchanged' })
      const outcome: Outcome = {
        poll_id,
        outcome: 'unchanged',
        reason: null,
        ts_utc: last?.ts_utc ?? null,
        ts_source,
        fetched_utc,
      }
      return publishPoll(pollRecord(outcome, answer), [])
    }
    if (status.information !== null) register.merge(status.information)
    const pollId = contentPollId({ publishedUtc, fetchedUtc: fetched_utc, content })
    const enriched = enrichPoll({
      system,
      pollId,
      time,
      publishedUtc,
      stations: status.stations,
      descriptions: register.current,
      weather,
    })
    const refused = [...status.refused, ...enriched.refused]
    await publishRefused(refused.map(refusedRow), pollId)
    await step('dead-letters')
    if (status.information !== null) await publishChanged(ts_utc)
    await step('information')
    const { observations } = enriched
    const empty = observations.length === 0
    const outcome: Outcome = {
      poll_id: pollId,
      outcome: empty ? 'refused' : 'ok',
      reason: empty ? 'feed_no_stations' : null,
      ts_utc: empty ? null : ts_utc,
      ts_source: empty ? 'none' : ts_source,
      fetched_utc,
    }
    const poll = await publishPoll(pollRecord(outcome, answer, observations.length, refused), observations)
    await step('published')
    last = { content, published_utc: publishedUtc, fetched_utc, ts_utc: poll.ts_utc }
    return poll
  }

  return {
    async information(stations, seenUtc) {
      register.replace(stations)
      return publishChanged(seenUtc ?? last?.ts_utc ?? 0)
    },
    async weather(report) {
      weather = report
      await log.publish(TOPICS.weather, [weatherRecord(codec, report)])
    },
    async handle(answer) {
      if (answer.kind !== 'status') return nothingNew(answer)
      const began = clock.now()
      let time: EventTime
      try {
        time = eventTime({ publishedUtc: answer.status.published_utc, fetchedUtc: answer.fetched_utc })
      } catch (error) {
        if (!(error instanceof ReadingError)) throw error
        return refuse(answer, error, answer.fetched_utc ?? last?.fetched_utc ?? 0)
      }
      const poll = await take(answer, time)
      metrics.handleSeconds.observe({ system }, (clock.now() - began) / 1000)
      return poll
    },
    state: () => last,
    informationPublished: () => informationPublished,
    stations: () => [...register.current.values()],
  }
}

function isRepeated(
  last: PollState | null,
  content: string,
  publishedUtc: number | null,
  fetchedUtc: number,
): boolean {
  if (last === null || last.content !== content || last.published_utc !== publishedUtc) return false
  return publishedUtc !== null || last.fetched_utc === fetchedUtc
}

function refusedRow({ reason, station_id, message, raw }: Refusal): RefusedRow {
  return { code: reason, station_id, message, raw }
}

function countReasons(refused: readonly Refusal[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { reason } of refused) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}
