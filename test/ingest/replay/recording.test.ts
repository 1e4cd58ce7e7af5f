import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RecordingOptions, ReplayPoll } from '../../../services/ingest/replay/recorded-polls.ts'
import { openRecording } from '../../../services/ingest/replay/recording.ts'
import type { Skipped } from '../../../services/ingest/replay/skipped.ts'
import { zipOf } from './zip.ts'

let root = ''
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'velocast-replay-'))
})
afterAll(() => rm(root, { recursive: true }))

/** A directory with these files. */
async function folder(files: Record<string, string | Buffer>): Promise<string> {
  count += 1
  const path = join(root, String(count))
  await mkdir(path)
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return path
}

const status = (time: string | null, bikes: number, more: object = {}): string =>
  JSON.stringify({
    ...(time === null ? {} : { last_updated: Date.parse(time) / 1000 }),
    ttl: 60,
    data: { stations: [{ station_id: 'a', num_bikes_available: bikes, num_docks_available: 3 }] },
    ...more,
  })
const information = (capacity: number): string =>
  JSON.stringify({ data: { stations: [{ station_id: 'a', name: 'A', lat: 1, lon: 2, capacity }] } })

async function replay(
  options: Omit<RecordingOptions, 'system'>,
): Promise<{ polls: ReplayPoll[]; skipped: Skipped; total: number }> {
  const recording = await openRecording({ system: 'city', ...options })
  const polls: ReplayPoll[] = []
  try {
    for await (const poll of recording.polls()) polls.push(poll)
  } finally {
    await recording.close()
  }
  return { polls, skipped: recording.skipped, total: recording.total }
}
const bikes = ({ polls }: { polls: ReplayPoll[] }): (number | null)[] =>
  polls.map(({ answer }) => answer.status.stations[0]!.bikes)

describe('recording of files', () => {
  test('plain, gzipped and zipped files of a directory tree come in the order of their fetch times', async () => {
    const from = await folder({
      'b/station_status_20240101T000500Z.json': status('2024-01-01T00:04:55Z', 2),
      'a/station_status_20240101T000600Z.json.gz': gzipSync(status('2024-01-01T00:05:55Z', 3)),
      'z.zip': zipOf({
        'deep/station_status_20240101T000400Z.json': status('2024-01-01T00:03:55Z', 1),
        'deep/station_status_20240101T000700Z.json': status('2024-01-01T00:06:55Z', 4),
      }),
    })
    const { polls } = await replay({ from })
    expect(bikes({ polls })).toEqual([1, 2, 3, 4])
    expect(polls.map(({ answer }) => answer.fetched_utc! - answer.status.published_utc!)).toEqual(
      Array(4).fill(5000),
    )
    expect(polls.map(({ position }) => position)).toEqual([0, 1, 2, 3])
  })

  test('files whose names state no time come by published time, which also stands for the fetch', async () => {
    const from = await folder({
      'station_status.a.json': status('2024-01-01T00:10:00Z', 2),
      'station_status.b.json': status('2024-01-01T00:05:00Z', 1),
    })
    const { polls } = await replay({ from })
    expect(bikes({ polls })).toEqual([1, 2])
    expect(polls.map(({ answer }) => answer.fetched_utc)).toEqual([null, null])
  })

  test('information is the newest not later than the poll, else the first, else none', async () => {
    const from = await folder({
      'station_status_20240101T000000Z.json': status('2024-01-01T00:00:00Z', 1),
      'station_status_20240101T001000Z.json': status('2024-01-01T00:10:00Z', 2),
      'station_status_20240101T002000Z.json': status('2024-01-01T00:20:00Z', 3),
    })
    const beside = await folder({
      'station_information_20240101T000500Z.json': information(10),
      'station_information_20240101T001500Z.json.gz': gzipSync(information(20)),
      'station_information_20240101T001600Z.json': '{"data":',
    })
    const capacities = (polls: ReplayPoll[]): unknown =>
      polls.map((poll) => poll.information?.stations[0]?.capacity)
    const { polls, skipped } = await replay({ from, information: beside })
    expect(capacities(polls)).toEqual([10, 10, 20])
    expect(polls[0]!.information).toBe(polls[1]!.information)
    expect(skipped.counts).toEqual({ information_unreadable: 1 })
    expect(capacities((await replay({ from })).polls)).toEqual([undefined, undefined, undefined])
    const table = await folder({ 'stations.csv': 'station_id,name,lat,lon,capacity\na,"A, B",1,2,7\n' })
    const described = await replay({ from, information: join(table, 'stations.csv') })
    expect(described.polls[2]!.information?.stations).toEqual([
      { station_id: 'a', name: 'A, B', lat: 1, lon: 2, capacity: 7, region_id: null },
    ])
  })

  test('what can not be read is left out, counted by reason, and the rest goes on', async () => {
    const from = await folder({
      'station_status_20240101T000000Z.json': status('2024-01-01T00:00:00Z', 1),
      'station_status_20240101T000100Z.json': '404 Not Found',
      'station_status_20240101T000200Z.json.gz': gzipSync(status(null, 2)).subarray(0, 60),
      'station_status_20240101T000300Z.json': '{"data":{"stations":[]}}',
      'station_status_20240101T000400Z.json': '{"weather":"fine"}',
      'station_status.json': status(null, 9),
      '2024_01_01_00_05_00.json': information(5),
      'broken.zip': 'PK but no zip',
      'system_information.json': '{}',
      'README.md': 'about',
      'station_status_20240101T000600Z.json': status('2024-01-01T00:06:00Z', 3),
    })
    const { polls, skipped } = await replay({ from })
    expect(bikes({ polls })).toEqual([1, 3])
    expect(skipped.counts).toEqual({
      not_json: 1,
      unreadable: 2,
      no_stations: 1,
      not_status: 2,
      no_time: 1,
      other_file: 2,
    })
    expect(skipped.examples.not_json?.[0]?.message).toContain('404 Not Found')
  })

  test('a poll whose every station is refused is still a poll: the pipeline says so', async () => {
    const from = await folder({
      'station_status_20240101T000000Z.json': '{"data":{"stations":[{"station_id":"a"}]}}',
      'velib_20240101T0005Z.json': '[{"numbikesavailable": 3}]',
    })
    const { polls } = await replay({ from })
    expect(polls.map(({ answer }) => answer.status.refused.map(({ reason }) => reason))).toEqual([
      ['count_missing'],
      ['station_id_missing'],
    ])
  })

  test('names without a zone go by the files, or by the zone that is stated', async () => {
    const from = await folder({
      '2022_06_29_00_00_23.json': status('2022-06-28T15:00:06Z', 1),
      '2022_06_29_00_01_23.json': status('2022-06-28T15:01:05Z', 2),
    })
    const fetched = async (options: object): Promise<number | null> =>
      (await replay({ from, ...options })).polls[0]!.answer.fetched_utc
    expect(await fetched({})).toBe(Date.parse('2022-06-28T15:00:23Z'))
    expect(await fetched({ nameTimezone: 'Asia/Tokyo' })).toBe(Date.parse('2022-06-28T15:00:23Z'))
    expect(await fetched({ nameTimezone: 'UTC' })).toBe(Date.parse('2022-06-29T00:00:23Z'))
  })

  test('the same recording has the same key wherever it lies, another one has another', async () => {
    const files = { 'station_status_20240101T000000Z.json': status('2024-01-01T00:00:00Z', 1) }
    const key = async (more: Record<string, string>): Promise<string> =>
      (await openRecording({ from: await folder({ ...files, ...more }), system: 'city' })).key
    expect(await key({})).toBe(await key({}))
    expect(await key({ 'station_status_20240101T000100Z.json': '{}' })).not.toBe(await key({}))
  })

  test('a recording with nothing in it is replay_empty, and says what was looked for and left out', async () => {
    const nothing = await folder({ 'README.md': 'about' })
    await expect(openRecording({ from: nothing, system: 'city' })).rejects.toMatchObject({
      code: 'replay_empty',
      message: expect.stringMatching(/looked for station_status.*Parquet/),
    })
    const broken = await folder({ 'station_status_20240101T000000Z.json': '<html>' })
    await expect(replay({ from: broken })).rejects.toMatchObject({
      code: 'replay_empty',
      message: expect.stringContaining('1 not_json'),
    })
    await expect(openRecording({ from: join(root, 'absent'), system: 'city' })).rejects.toMatchObject({
      code: 'replay_unreadable',
    })
  })

  test('can be begun anywhere and left at any time', async () => {
    const files = Array.from({ length: 6 }, (_, minute) => [
      `station_status_20240101T000${minute}00Z.json`,
      status(`2024-01-01T00:0${minute}:00Z`, minute),
    ])
    const recording = await openRecording({ from: await folder(Object.fromEntries(files)), system: 'city' })
    const seen: number[] = []
    for await (const { position } of recording.polls({ position: 2 })) {
      seen.push(position)
      if (position === 4) break
    }
    expect(seen).toEqual([2, 3, 4])
    await recording.close()
  })
})

describe('recording of Parquet', () => {
  async function parquet(select: string, more: Record<string, string> = {}): Promise<string> {
    const from = await folder(more)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    await connection.run(`COPY (${select}) TO '${join(from, 'status.parquet')}'`)
    connection.closeSync()
    instance.closeSync()
    return from
  }

  test('rows of one time are one poll, in any order of rows; absent columns are not told', async () => {
    const from = await parquet(
      `SELECT * FROM (VALUES
        (TIMESTAMP '2024-01-01 00:05:00', 'b', 4), (TIMESTAMP '2024-01-01 00:00:00', 'a', 1),
        (TIMESTAMP '2024-01-01 00:05:00', 'a', 3), (TIMESTAMP '2024-01-01 00:00:00', 'b', 2)
       ) AS t(ts_utc, station_id, bikes)`,
    )
    const { polls } = await replay({ from })
    expect(polls.map(({ answer }) => answer.status.published_utc)).toEqual([
      Date.parse('2024-01-01T00:00:00Z'),
      Date.parse('2024-01-01T00:05:00Z'),
    ])
    expect(polls.map(({ answer }) => answer.status.stations.map((state) => state.bikes))).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(polls[0]!.answer.status.stations[0]).toMatchObject({
      docks: null,
      mechanical: 0,
      is_renting: true,
      status: 'OK',
      last_reported: null,
    })
    expect(polls[0]!.information).toBeNull()
    expect(polls[0]!.answer.fetched_utc).toBeNull()
  })

  test('bad rows are refused by reason, the others are taken', async () => {
    const from = await parquet(
      `SELECT TIMESTAMP '2024-01-01 00:00:00' AS ts_utc, * FROM (VALUES
        ('a', 1.0), ('a', 2.0), ('b', NULL), (NULL, 3.0), ('c', -1.0), ('d', 1.5), ('e', 7.0)
       ) AS t(station_id, bikes)`,
    )
    const { answer } = (await replay({ from })).polls[0]!
    expect(answer.status.stations.map(({ station_id }) => station_id)).toEqual(['a', 'e'])
    expect(answer.status.refused.map(({ reason }) => reason).sort()).toEqual([
      'count_missing',
      'count_negative',
      'count_not_whole',
      'station_duplicate',
      'station_id_missing',
    ])
  })

  test('stations.csv beside it describes the stations, and a capacity in the rows wins and is kept', async () => {
    const from = await parquet(
      `SELECT * FROM (VALUES
        (TIMESTAMPTZ '2024-01-01 00:00:00+00', 'a', 1, NULL), (TIMESTAMPTZ '2024-01-01 00:05:00+00', 'a', 1, 12),
        (TIMESTAMPTZ '2024-01-01 00:10:00+00', 'a', 1, NULL)
       ) AS t(ts_utc, station_id, bikes, capacity)`,
      { 'stations.csv': 'station_id,name,lat,lon,capacity\na,A,1.5,2.5,10\n' },
    )
    const { polls } = await replay({ from })
    expect(polls.map((poll) => poll.information?.stations[0])).toMatchObject([
      { name: 'A', lat: 1.5, capacity: 10 },
      { name: 'A', lat: 1.5, capacity: 12 },
      { name: 'A', lat: 1.5, capacity: 12 },
    ])
  })

  test('weather is kept as recorded, and wind in km/h is converted only when asked', async () => {
    const from = await parquet(
      `SELECT TIMESTAMP '2024-01-01 00:20:00' AS ts_utc, 'a' AS station_id, 1 AS bikes, 8.5 AS temp_C, 0.2 AS precip_mm, 18.0 AS wind_mps`,
    )
    const wind = async (options: object): Promise<unknown> =>
      (await replay({ from, ...options })).polls[0]!.weather
    const hour_utc = Date.parse('2024-01-01T00:00:00Z')
    expect(await wind({})).toEqual({
      system: 'city',
      point: 'recorded',
      issued_utc: hour_utc,
      hours: [{ hour_utc, temp_C: 8.5, precip_mm: 0.2, wind_mps: 18 }],
    })
    expect(await wind({ windUnit: 'kmh' })).toMatchObject({ hours: [{ wind_mps: 5 }] })
  })

  test('a Parquet file without the columns is left out with what it lacks', async () => {
    const from = await parquet(`SELECT 1 AS counter_id`)
    await expect(openRecording({ from, system: 'city' })).rejects.toMatchObject({
      code: 'replay_empty',
      data: { examples: { not_status: [{ message: 'no column ts_utc, station_id, bikes' }] } },
    })
  })
})
