import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../services/domain/bin.ts'
import { parseStatus } from '../../services/domain/gbfs/status.ts'
import { parseOpendatasoft } from '../../services/domain/opendatasoft.ts'
import { createPollPipeline, type PollPipelineOptions } from '../../services/ingest/pipeline.ts'
import type { PollAnswer } from '../../services/ingest/poll-answer.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { ManualClock } from './manual-clock.ts'
import { type RecordingPlatform, recordingPlatform } from './recording-platform.ts'

const PUBLISHED = Date.UTC(2024, 10, 5, 7, 55)
const FETCHED = PUBLISHED + 20_000

function status(
  options: { published?: number | null; fetched?: number | null; bikes?: number; stations?: unknown[] } = {},
): Extract<PollAnswer, { kind: 'status' }> {
  const { published = PUBLISHED, fetched = FETCHED, bikes = 3 } = options
  const stations = options.stations ?? [
    { station_id: 'a', num_bikes_available: bikes, num_docks_available: 4 },
    { station_id: 'b', num_bikes_available: 0, num_docks_available: 9, is_renting: 0 },
  ]
  const body = {
    last_updated: published === null ? undefined : published / 1000,
    ttl: 60,
    version: '2.3',
    data: { stations },
  }
  return {
    kind: 'status',
    status: parseStatus(body),
    content: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
    fetched_utc: fetched,
    duration_ms: 80,
  }
}

async function setUp(options: Partial<PollPipelineOptions> = {}) {
  const platform = await recordingPlatform({ clock: new ManualClock(FETCHED) })
  const pipeline = createPollPipeline({ platform, system: { id: 'city' }, source: 'live', ...options })
  return { platform, pipeline }
}

const topics = (platform: RecordingPlatform) => platform.published.map(({ topic }) => topic)
const description = { station_id: 'a', name: 'A', lat: 48, lon: 2, capacity: 30, region_id: null }

describe('a poll', () => {
  test('is published in one call: its observations in order, then the record that counts them', async () => {
    const { platform, pipeline } = await setUp()
    const poll = await pipeline.handle(status())
    expect(topics(platform)).toEqual([TOPICS.status])
    const { records } = platform.published[0]!
    expect(records.map(({ key, partitionKey }) => [key, partitionKey])).toEqual([
      ['city/a', 'city'],
      ['city/b', 'city'],
      ['city', 'city'],
    ])
    expect(poll).toEqual({
      system: 'city',
      poll_id: poll.poll_id,
      outcome: 'ok',
      reason: null,
      rows: 2,
      refused: {},
      ts_utc: PUBLISHED,
      ts_source: 'published',
      published_utc: PUBLISHED,
      fetched_utc: FETCHED,
      duration_ms: 80,
      source: 'live',
      ttl_s: 60,
      gbfs_version: '2.3',
    })
    expect(await platform.polls()).toEqual([poll])
    expect(await platform.observations()).toMatchObject([
      { station_id: 'a', poll_id: poll.poll_id, poll_index: 0, poll_count: 2, ts_utc: PUBLISHED, bikes: 3 },
      { station_id: 'b', poll_index: 1, status: 'CLOSED', capacity: null, name: null, temp_C: null },
    ])
  })

  test('of a feed that says it is simulated is marked so, also when it brings nothing new; a replay stays one', async () => {
    const answer = status()
    const simulated = { ...answer, status: { ...answer.status, simulated: true as const } }
    const failed: PollAnswer = {
      kind: 'failed',
      code: 'feed_timeout',
      message: 'feed did not answer',
      fetched_utc: FETCHED + 60_000,
      duration_ms: null,
    }
    const { pipeline } = await setUp()
    expect((await pipeline.handle(simulated)).source).toBe('simulate')
    expect((await pipeline.handle(failed)).source).toBe('simulate')
    const { pipeline: replayed } = await setUp({ source: 'replay' })
    expect((await replayed.handle(simulated)).source).toBe('replay')
  })

  test('carries CloudEvents headers, unique ids and one trace', async () => {
    const { platform, pipeline } = await setUp()
    const { poll_id } = await pipeline.handle(status())
    const { records } = platform.published[0]!
    expect(records[0]?.headers).toEqual({
      ce_specversion: '1.0',
      ce_id: `${poll_id}/a`,
      ce_source: 'velocast/ingest/city',
      ce_type: 'velocast.station-observation.v1',
      ce_time: '2024-11-05T07:55:00.000Z',
      'content-type': 'application/avro',
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    })
    expect(records[2]?.headers).toMatchObject({ ce_id: poll_id, ce_type: 'velocast.poll-record.v1' })
    expect(new Set(records.map(({ headers }) => headers?.traceparent)).size).toBe(1)
    expect(new Set(records.map(({ headers }) => headers?.ce_id)).size).toBe(3)
  })

  test('has an id that is a function of what it carried', async () => {
    const answer = status()
    const [one, two] = [await setUp(), await setUp()]
    const first = await one.pipeline.handle(answer)
    expect(first.poll_id).toBe(`20241105T075500Z-${answer.content.slice(0, 12)}`)
    expect(await two.pipeline.handle({ ...answer, fetched_utc: FETCHED + 9 })).toMatchObject({
      poll_id: first.poll_id,
    })
    expect((await two.pipeline.handle(status({ bikes: 4 }))).poll_id).not.toBe(first.poll_id)
  })

  test('that repeats content and published time is unchanged and publishes no observation', async () => {
    const { platform, pipeline } = await setUp()
    await pipeline.handle(status())
    const poll = await pipeline.handle(status({ fetched: FETCHED + 60_000 }))
    expect(poll).toMatchObject({
      outcome: 'unchanged',
      rows: 0,
      ts_utc: PUBLISHED,
      fetched_utc: FETCHED + 60_000,
    })
    expect(await platform.observations()).toHaveLength(2)
    const newer = await pipeline.handle(status({ published: PUBLISHED + 60_000, fetched: FETCHED + 60_000 }))
    expect(newer).toMatchObject({ outcome: 'ok', ts_utc: PUBLISHED + 60_000 })
  })

  test('without a published time is an observation of its fetch time, the same content or not', async () => {
    const { pipeline } = await setUp()
    const first = await pipeline.handle(status({ published: null }))
    expect(first).toMatchObject({
      outcome: 'ok',
      ts_utc: FETCHED,
      ts_source: 'fetched_absent',
      published_utc: null,
    })
    expect(await pipeline.handle(status({ published: null }))).toMatchObject({ outcome: 'unchanged' })
    expect(await pipeline.handle(status({ published: null, fetched: FETCHED + 300_000 }))).toMatchObject({
      outcome: 'ok',
      ts_utc: FETCHED + 300_000,
    })
  })

  test('of a replay without fetch times takes the published time for both', async () => {
    const { pipeline } = await setUp()
    expect(await pipeline.handle(status({ fetched: null }))).toMatchObject({
      ts_utc: PUBLISHED,
      fetched_utc: PUBLISHED,
    })
  })

  test('that failed or was not modified is recorded without event time', async () => {
    const { pipeline } = await setUp()
    expect(
      await pipeline.handle({
        kind: 'failed',
        code: 'feed_timeout',
        message: 'late',
        fetched_utc: FETCHED,
        duration_ms: 9,
      }),
    ).toMatchObject({
      outcome: 'failed',
      reason: 'feed_timeout',
      ts_utc: null,
      ts_source: 'none',
      rows: 0,
      poll_id: '20241105T075520Z-failed',
    })
    expect(
      await pipeline.handle({ kind: 'not_modified', fetched_utc: FETCHED, duration_ms: 9 }),
    ).toMatchObject({
      outcome: 'not_modified',
      reason: null,
      ts_utc: null,
    })
  })
})

describe('what is refused', () => {
  test('goes to the dead letters as the feed gave it, and is counted by reason', async () => {
    const { platform, pipeline } = await setUp()
    const bad = { station_id: 'x', num_bikes_available: -1 }
    const good = { station_id: 'a', num_bikes_available: 1 }
    const poll = await pipeline.handle(status({ stations: [good, bad, { num_bikes_available: 1 }] }))
    expect(poll).toMatchObject({
      outcome: 'ok',
      rows: 1,
      refused: { count_negative: 1, station_id_missing: 1 },
    })
    expect(topics(platform)).toEqual([TOPICS.deadLetters, TOPICS.status])
    const letters = platform.published[0]!.records
    expect(letters.map(({ key, headers }) => [key, headers?.dl_code])).toEqual([
      ['city/x', 'count_negative'],
      ['city', 'station_id_missing'],
    ])
    expect(JSON.parse(String(letters[0]?.value))).toEqual(bad)
    expect(letters[0]?.headers).toMatchObject({
      dl_service: 'ingest',
      dl_attempts: '1',
      dl_poll_id: poll.poll_id,
    })
    const text = await platform.metrics.metrics()
    expect(text).toContain('velocast_ingest_stations_refused_total{system="city",reason="count_negative"} 1')
    expect(text).toContain('velocast_dead_letters_total{service="ingest",code="count_negative"} 1')
    expect(text).not.toContain('city/x')
  })

  test('a poll published more than a day ahead is refused whole, its rows can be inspected', async () => {
    const { platform, pipeline } = await setUp()
    const poll = await pipeline.handle(status({ published: FETCHED + DAY_MS + 1000 }))
    expect(poll).toMatchObject({
      outcome: 'refused',
      reason: 'feed_published_far_ahead',
      rows: 0,
      ts_utc: null,
    })
    const [letters] = platform.published
    expect(letters?.topic).toBe(TOPICS.deadLetters)
    expect(letters?.records.map(({ key, headers }) => [key, headers?.dl_code])).toEqual([
      ['city/a', 'feed_published_far_ahead'],
      ['city/b', 'feed_published_far_ahead'],
    ])
    expect(JSON.parse(String(letters?.records[0]?.value))).toMatchObject({ station_id: 'a', bikes: 3 })
    expect(await pipeline.handle(status())).toMatchObject({ outcome: 'ok' })
  })

  test('a published time some minutes ahead costs nothing but itself', async () => {
    const { pipeline } = await setUp()
    expect(await pipeline.handle(status({ published: FETCHED + 300_000 }))).toMatchObject({
      outcome: 'ok',
      ts_utc: FETCHED,
      ts_source: 'fetched_ahead',
      published_utc: FETCHED + 300_000,
    })
  })

  test('a poll of which no row can be taken is refused, and repeating it moves no event time', async () => {
    const { pipeline } = await setUp()
    const stations = [{ num_bikes_available: 1 }]
    expect(await pipeline.handle(status({ stations }))).toMatchObject({
      outcome: 'refused',
      reason: 'feed_no_stations',
      refused: { station_id_missing: 1 },
      ts_utc: null,
    })
    expect(await pipeline.handle(status({ stations }))).toMatchObject({ outcome: 'unchanged', ts_utc: null })
  })
})

describe('information', () => {
  test('enriches later polls and is published on change only', async () => {
    const { platform, pipeline } = await setUp()
    expect(await pipeline.information([description], PUBLISHED)).toBe(1)
    expect(await pipeline.information([description], PUBLISHED + 1)).toBe(0)
    expect(await pipeline.information([{ ...description, capacity: 31 }], PUBLISHED + 2)).toBe(1)
    expect(await platform.decoded(TOPICS.information)).toEqual([
      { system: 'city', ...description, seen_utc: PUBLISHED },
      { system: 'city', ...description, capacity: 31, seen_utc: PUBLISHED + 2 },
    ])
    await pipeline.handle(status())
    expect(await platform.observations()).toMatchObject([
      { station_id: 'a', capacity: 31, name: 'A', lat: 48, lon: 2 },
      { station_id: 'b', capacity: null },
    ])
  })

  test('that comes with the rows is known from that poll on, and a row that leaves it out takes nothing back', async () => {
    const { platform, pipeline } = await setUp()
    const row = { stationcode: '1', numbikesavailable: 2 }
    const poll = (rows: object[], fetched: number): PollAnswer => ({
      kind: 'status',
      status: parseOpendatasoft(rows),
      content: createHash('sha256').update(JSON.stringify(rows)).digest('hex'),
      fetched_utc: fetched,
      duration_ms: null,
    })
    await pipeline.handle(poll([{ ...row, name: 'Gare', capacity: 20 }], FETCHED))
    await pipeline.handle(poll([{ ...row, numbikesavailable: 1, name: null }], FETCHED + 1))
    expect(
      (await platform.observations()).map(({ name, capacity, bikes }) => [name, capacity, bikes]),
    ).toEqual([
      ['Gare', 20, 2],
      ['Gare', 20, 1],
    ])
    expect(await platform.decoded(TOPICS.information)).toHaveLength(1)
  })
})

describe('weather', () => {
  const report = {
    system: 'city',
    point: '48,2',
    issued_utc: PUBLISHED,
    hours: [{ hour_utc: Date.UTC(2024, 10, 5, 7), temp_C: 8.3, precip_mm: 0, wind_mps: 2.5 }],
  }

  test('is published and enriches the bins that it covers', async () => {
    const { platform, pipeline } = await setUp()
    await pipeline.weather(report)
    await pipeline.handle(status())
    await pipeline.handle(status({ published: PUBLISHED + 300_000, fetched: FETCHED + 300_000 }))
    const observations = await platform.observations()
    expect(observations[0]).toMatchObject({ temp_C: Math.fround(8.3), weather_issued: PUBLISHED })
    expect(observations[2]).toMatchObject({ temp_C: null, weather_hour: null })
    expect(platform.published[0]?.records[0]).toMatchObject({ key: 'city/48,2', partitionKey: 'city' })
  })

  test('that can’t be published is used all the same', async () => {
    const { platform, pipeline } = await setUp()
    platform.onPublish.fault = (topic) => {
      if (topic === TOPICS.weather) throw new Error('down')
    }
    await expect(pipeline.weather(report)).rejects.toThrow('down')
    await pipeline.handle(status())
    expect((await platform.observations())[0]?.temp_C).toBe(Math.fround(8.3))
  })
})

describe('commit protocol', () => {
  const stations = [
    { station_id: 'a', num_bikes_available: 1 },
    { station_id: 'x', num_bikes_available: -1 },
  ]

  test.each(['dead-letters', 'information'])(
    'stopped after %s, the same answer gives the same records',
    async (at) => {
      let armed = true
      const { platform, pipeline } = await setUp({
        fault: (step) => {
          if (step === at && armed) throw new Error('killed')
        },
      })
      await expect(pipeline.handle(status({ stations }))).rejects.toThrow('killed')
      expect(await platform.polls()).toEqual([])
      armed = false
      const poll = await pipeline.handle(status({ stations }))
      const whole = await setUp()
      expect(await whole.pipeline.handle(status({ stations }))).toEqual(poll)
      expect(await platform.observations()).toEqual(await whole.platform.observations())
    },
  )

  test('stopped after publishing, a new process publishes the same poll again under the same id', async () => {
    const killed = await setUp({
      fault: (step) => {
        if (step === 'published') throw new Error('killed')
      },
    })
    await expect(killed.pipeline.handle(status())).rejects.toThrow('killed')
    expect(killed.pipeline.state()).toBeNull()
    const next = await setUp()
    await next.pipeline.handle(status())
    expect(await next.platform.polls()).toEqual(await killed.platform.polls())
  })

  test('a new process that resumes repeats nothing', async () => {
    const first = await setUp()
    await first.pipeline.information([description], PUBLISHED)
    await first.pipeline.handle(status())
    const next = await setUp({
      resume: { state: first.pipeline.state(), stations: first.pipeline.stations() },
    })
    expect(await next.pipeline.information([description], PUBLISHED)).toBe(0)
    expect(await next.pipeline.handle(status({ fetched: FETCHED + 60_000 }))).toMatchObject({
      outcome: 'unchanged',
    })
    await next.pipeline.handle(status({ published: PUBLISHED + 1000, bikes: 1 }))
    expect((await next.platform.observations())[0]).toMatchObject({ name: 'A', bikes: 1 })
  })
})
