import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RecordingOptions, ReplayPoll } from '../../../services/ingest/replay/recorded-polls.ts'
import { openRecording } from '../../../services/ingest/replay/recording.ts'
import { recordedData } from '../../recorded-data.ts'

const data = recordedData()
const at = (...parts: string[]): string => join(data ?? '', ...parts)

/** Walks a recording, keeping the first and last poll and what `see` counts. */
async function walk(
  options: Omit<RecordingOptions, 'system'>,
  see: (poll: ReplayPoll) => void = () => undefined,
): Promise<{
  polls: number
  rows: number
  refused: number
  skipped: number
  first: ReplayPoll
  last: ReplayPoll
}> {
  const recording = await openRecording({ system: 'city', ...options })
  let [polls, rows, refused] = [0, 0, 0]
  let first: ReplayPoll | undefined
  let last: ReplayPoll | undefined
  try {
    for await (const poll of recording.polls()) {
      polls += 1
      rows += poll.answer.status.stations.length
      refused += poll.answer.status.refused.length
      first ??= poll
      last = poll
      see(poll)
    }
  } finally {
    await recording.close()
  }
  return { polls, rows, refused, skipped: recording.skipped.total, first: first!, last: last! }
}

/** First and last poll of a recording. */
async function ends(from: string): Promise<{ total: number; first: ReplayPoll; last: ReplayPoll }> {
  const recording = await openRecording({ from, system: 'city' })
  const poll = async (position: number): Promise<ReplayPoll> => {
    for await (const found of recording.polls({ position })) return found
    throw new Error(`no poll at ${position}`)
  }
  try {
    return { total: recording.total, first: await poll(0), last: await poll(recording.total - 1) }
  } finally {
    await recording.close()
  }
}
const time = ({ answer }: ReplayPoll): string =>
  new Date(answer.status.published_utc ?? answer.fetched_utc!).toISOString()

describe.skipIf(data === null)('recorded feeds (need VELOCAST_RECORDED_DATA)', () => {
  test('Bay Wheels raw: 385 polls with their information; names carry the published time', async () => {
    const manifest = readFileSync(at('baywheels', 'raw_manifest.csv'), 'utf8').trim().split('\n').slice(1)
    const published = manifest.map((line) => Date.parse(line.split(',')[3]!)).sort((a, b) => a - b)
    const seen: (number | null)[] = []
    const informations = new Set<unknown>()
    const summary = await walk(
      { from: at('baywheels', 'raw'), information: at('baywheels', 'raw_information') },
      ({ answer, information }) => {
        seen.push(answer.status.published_utc)
        expect(answer.fetched_utc).toBe(answer.status.published_utc)
        informations.add(information)
      },
    )
    expect(seen).toEqual(published)
    expect(summary).toMatchObject({ polls: 385, rows: 198_660, refused: 0, skipped: 0 })
    expect(informations.size).toBe(23)
  })

  test('Bay Wheels Parquet says of a poll what its raw file says', async () => {
    const raw = await ends(at('baywheels', 'raw'))
    const parquet = await openRecording({
      from: at('baywheels', 'status_20230403_20230522.parquet'),
      system: 'city',
    })
    expect(parquet.total).toBe(6628)
    const { published_utc } = raw.first.answer.status
    let found = false
    for await (const { answer } of parquet.polls({ position: 4700 })) {
      if (answer.status.published_utc! < published_utc!) continue
      found = answer.status.published_utc === published_utc
      const byId = new Map(raw.first.answer.status.stations.map((state) => [state.station_id, state]))
      expect(answer.status.stations).toHaveLength(byId.size)
      for (const state of answer.status.stations) expect(state).toEqual(byId.get(state.station_id))
      break
    }
    expect(found).toBe(true)
    await parquet.close()
  })

  test('Docomo zips: 780 polls; their names are JST, told from the files, and the Parquet has the same times', async () => {
    const zips = await openRecording({
      from: at('docomo-tokyo', 'raw_zips'),
      information: at('docomo-tokyo', 'station_information.json'),
      system: 'city',
    })
    const parquet = await openRecording({
      from: at('docomo-tokyo', 'status_1min_first13h.parquet'),
      system: 'city',
    })
    expect([zips.total, parquet.total]).toEqual([780, 780])
    expect([zips.first_utc, zips.last_utc]).toEqual([parquet.first_utc, parquet.last_utc])
    const polls = async (recording: typeof zips): Promise<ReplayPoll[]> => {
      const found: ReplayPoll[] = []
      for await (const poll of recording.polls({ position: 700 })) found.push(poll)
      await recording.close()
      return found
    }
    const [raw, rows] = [await polls(zips), await polls(parquet)]
    expect(raw).toHaveLength(80)
    raw.forEach(({ answer, information }, place) => {
      const delay = answer.fetched_utc! - answer.status.published_utc!
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(60_000)
      expect(answer.fetched_utc).toBe(rows[place]!.answer.status.published_utc)
      expect(answer.status.stations).toHaveLength(rows[place]!.answer.status.stations.length)
      expect(information?.stations).toHaveLength(1077)
    })
    expect(zips.skipped.total).toBe(0)
  })

  test('Opendatasoft raw: 196 polls, timed by their names alone, described in the same file', async () => {
    const { total, first, last } = await ends(at('velib-2024-11', 'raw'))
    expect(total).toBe(196)
    expect([first.answer.status.published_utc, last.answer.status.published_utc]).toEqual([null, null])
    expect([time(first), time(last)]).toEqual(['2024-11-05T07:55:00.000Z', '2024-11-06T20:15:00.000Z'])
    for (const { answer } of [first, last]) {
      expect(answer.status.stations).toHaveLength(1485)
      expect(answer.status.information).toHaveLength(1485)
    }
  })

  test.each([
    {
      file: 'velib-2024-11/status_5min_20241031_20241107.parquet',
      polls: 489,
      span: ['2024-10-31T13:50:01.000Z', '2024-11-07T18:35:01.000Z'],
      first: { station_id: '10001', bikes: 0, docks: 62, is_renting: false, status: 'CLOSED' },
      capacity: 62,
    },
    {
      file: 'docomo-tokyo/status_1min_first13h.parquet',
      polls: 780,
      span: ['2022-06-28T15:00:23.000Z', '2022-06-29T03:59:26.000Z'],
      first: { station_id: '00000109', bikes: 3, docks: 2, last_reported: 1656428406000 },
      capacity: 5,
    },
    {
      file: 'baywheels/status_20230403_20230522.parquet',
      polls: 6628,
      span: ['2023-04-03T00:23:53.000Z', '2023-05-22T06:56:24.000Z'],
      first: { bikes: 9, docks: 15, mechanical: 1, ebike: 8, bikes_disabled: 3, status: 'active' },
      capacity: 27,
    },
    {
      file: 'velib-2025-09-15min/status_15min_weather.parquet',
      polls: 364,
      span: ['2025-09-07T23:00:00.000Z', '2025-09-16T11:15:00.000Z'],
      first: { station_id: '10003', bikes: 4, docks: 9, status: 'OK', last_reported: null },
      capacity: 17,
    },
  ])('$file: $polls polls, first and last as recorded', async ({ file, polls, span, first, capacity }) => {
    const found = await ends(at(file))
    expect(found.total).toBe(polls)
    expect([time(found.first), time(found.last)]).toEqual(span)
    const state = found.first.answer.status.stations[0]!
    expect(state).toMatchObject(first)
    const described = found.first.information?.stations.find(
      ({ station_id }) => station_id === state.station_id,
    )
    expect(described).toMatchObject({ capacity, lat: expect.any(Number), name: expect.any(String) })
  })

  test('the weather of velib-2025-09 goes with its polls as recorded', async () => {
    const { first } = await ends(at('velib-2025-09-15min', 'status_15min_weather.parquet'))
    expect(first.weather?.hours).toEqual([
      { hour_utc: Date.parse('2025-09-07T23:00:00Z'), temp_C: 21.8, precip_mm: 0, wind_mps: 9 },
    ])
  })
})
