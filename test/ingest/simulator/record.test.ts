import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openRecording } from '../../../services/ingest/replay/recording.ts'
import type { Fault } from '../../../services/ingest/simulator/faults.ts'
import { GBFS_VERSIONS } from '../../../services/ingest/simulator/gbfs-feed.ts'
import {
  informationOf,
  pollAnswerOf,
  type RecordCityOptions,
  type RecordedPoll,
  recordCity,
  weatherOf,
  writeRecording,
} from '../../../services/ingest/simulator/record.ts'

const MINUTE = 60_000
const start = Date.parse('2026-03-10T07:00:00Z')

function polls(options: Partial<RecordCityOptions> = {}): RecordedPoll[] {
  return [...recordCity({ seed: 1, stations: 30, start, end: start + 20 * MINUTE, ...options })]
}

type Answer = ReturnType<typeof pollAnswerOf>
function statusOf(answer: Answer): Extract<Answer, { kind: 'status' }>['status'] {
  if (answer.kind !== 'status') throw new Error(`no status answer: ${answer.kind}`)
  return answer.status
}
const statuses = (faults: Fault[]): ReturnType<typeof statusOf>[] =>
  polls({ faults }).map((poll) => statusOf(pollAnswerOf(poll)))
const counts = (status: ReturnType<typeof statusOf>): (number | null)[] =>
  status.stations.map(({ bikes }) => bikes)

describe('recorded city', () => {
  test('the same options give the same bytes, another seed gives others', () => {
    expect(JSON.stringify(polls())).toBe(JSON.stringify(polls()))
    expect(JSON.stringify(polls({ seed: 2 }))).not.toBe(JSON.stringify(polls()))
  })

  test('a poll is the same whatever the interval of the polls around it', () => {
    const minutely = polls({ end: start + 61 * MINUTE })
    const hourly = polls({ end: start + 61 * MINUTE, pollSeconds: 3600 })
    expect(hourly.map(({ status }) => status)).toEqual([minutely[0]!.status, minutely[60]!.status])
  })

  test.each(GBFS_VERSIONS)('GBFS %s says the same of every station through the parsers', (version) => {
    const reference = statusOf(pollAnswerOf(polls()[7]!))
    const [poll] = polls({ version }).slice(7)
    const { stations, refused, published_utc } = statusOf(pollAnswerOf(poll!))
    expect(refused).toEqual([])
    expect(published_utc).toBe(start + 7 * MINUTE)
    expect(stations).toEqual(reference.stations)
    expect(stations.some(({ ebike, mechanical }) => ebike > 0 && mechanical > 0)).toBe(true)
    expect(informationOf(poll!)).toEqual(informationOf(polls()[0]!))
  })

  test('weather covers the bins of every poll and is issued before them', () => {
    for (const poll of polls({ end: start + 90 * MINUTE, pollSeconds: 600 })) {
      const { hours, issued_utc } = weatherOf(poll, 'city')
      expect(issued_utc).toBeLessThanOrEqual(poll.fetched_utc)
      const hour = Math.floor(poll.fetched_utc / 3_600_000) * 3_600_000
      expect(hours.find(({ hour_utc }) => hour_utc === hour)?.temp_C).toBeTypeOf('number')
    }
  })
})

describe('faults of the simulated city', () => {
  const from = start + 5 * MINUTE
  const clean = statuses([])

  test('stale: published and counts stand still, then go on as if nothing had been', () => {
    const faulty = statuses([{ kind: 'stale', from, until: start + 12 * MINUTE }])
    for (const status of faulty.slice(5, 12)) expect(status).toEqual(clean[5])
    expect(faulty.slice(12)).toEqual(clean.slice(12))
  })

  test('frozen: published goes on, counts stand still', () => {
    const faulty = statuses([{ kind: 'frozen', from }])
    faulty.slice(5).forEach((status, place) => {
      expect(status.published_utc).toBe(start + (5 + place) * MINUTE)
      expect(status.stations).toEqual(clean[5]!.stations)
    })
  })

  test('late: answers are older by the minutes asked for', () => {
    const faulty = statuses([{ kind: 'late', from, minutes: 4 }])
    expect(faulty.slice(5)).toEqual(clean.slice(1, 16))
  })

  test('duplicate_poll: the answer of the poll before comes again', () => {
    const faulty = statuses([{ kind: 'duplicate_poll', from, until: from + MINUTE }])
    expect(faulty[5]).toEqual(clean[4])
    expect(faulty[6]).toEqual(clean[6])
  })

  test('missing: no poll; error: a failed one', () => {
    const until = from + 3 * MINUTE
    expect(polls({ faults: [{ kind: 'missing', from, until }] })).toHaveLength(17)
    const answers = polls({ faults: [{ kind: 'error', from, until }] }).map(pollAnswerOf)
    expect(answers.filter(({ kind }) => kind === 'failed')).toHaveLength(3)
    expect(answers[5]).toMatchObject({ kind: 'failed', code: 'feed_status', fetched_utc: from + 5000 })
  })

  test('a share befalls about that many polls, the same ones every time', () => {
    const faults: Fault[] = [{ kind: 'missing', share: 0.3 }]
    const options = { stations: 2, end: start + 500 * MINUTE, faults }
    const times = polls(options).map(({ fetched_utc }) => fetched_utc)
    expect(times.length).toBeGreaterThan(300)
    expect(times.length).toBeLessThan(400)
    expect(polls(options).map(({ fetched_utc }) => fetched_utc)).toEqual(times)
  })

  test('malformed: those stations are refused for five reasons, the rest is taken', () => {
    const [status] = statuses([{ kind: 'malformed', stations: 5 }])
    expect(status!.stations).toEqual(clean[0]!.stations.slice(5))
    expect(status!.refused.map(({ reason }) => reason).sort()).toEqual([
      'count_negative',
      'count_not_whole',
      'flag_invalid',
      'station_id_missing',
      'station_not_an_object',
    ])
  })

  test('duplicate_stations: each is taken once', () => {
    const [status] = statuses([{ kind: 'duplicate_stations', stations: 4 }])
    expect(status!.stations).toEqual(clean[0]!.stations)
    expect(status!.refused.map(({ reason }) => reason)).toEqual(Array(4).fill('station_duplicate'))
  })

  test('flat: the stations named stand still, the others do not', () => {
    const end = start + 180 * MINUTE
    const flat = clean[0]!.stations[3]!.station_id
    const faulty = polls({ end, faults: [{ kind: 'flat', stations: [flat] }] }).map((poll) =>
      counts(statusOf(pollAnswerOf(poll))),
    )
    expect(new Set(faulty.map((bikes) => bikes[3])).size).toBe(1)
    expect(new Set(faulty.map((bikes) => bikes.join())).size).toBeGreaterThan(50)
  })

  test('occupancy_shift: 30 % more bikes, never more than docks, docks and bikes still add up', () => {
    const [shifted] = statuses([{ kind: 'occupancy_shift', factor: 1.3 }])
    let [before, after] = [0, 0]
    clean[0]!.stations.forEach((station, place) => {
      const now = shifted!.stations[place]!
      expect(now.bikes! + now.docks!).toBe(station.bikes! + station.docks!)
      expect(now.mechanical + now.ebike).toBe(now.bikes)
      before += station.bikes!
      after += now.bikes!
    })
    expect(after / before).toBeGreaterThan(1.2)
    expect(after / before).toBeLessThan(1.35)
  })

  test('a fault that is none is refused', () => {
    expect(() => polls({ faults: [{ kind: 'meteor' as 'late' }] })).toThrow(/kind/)
  })
})

test('a recording on disk replays to the answers that it was made of, failed and missing polls left out', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'velocast-recording-'))
  try {
    const faults: Fault[] = [
      { kind: 'missing', from: start + 3 * MINUTE, until: start + 5 * MINUTE },
      { kind: 'error', from: start + 8 * MINUTE, until: start + 9 * MINUTE },
      { kind: 'late', from: start + 11 * MINUTE, until: start + 12 * MINUTE, minutes: 3 },
      { kind: 'malformed', from: start + 14 * MINUTE, stations: 3 },
    ]
    for (const version of GBFS_VERSIONS) {
      const made = polls({ faults, version })
      const target = join(directory, version)
      expect(await writeRecording({ polls: made, directory: target })).toEqual({ polls: 17, failed: 1 })
      expect((await readdir(target)).filter((name) => name.startsWith('station_information'))).toHaveLength(1)
      const recording = await openRecording({ from: target, system: 'city' })
      const answers = []
      for await (const poll of recording.polls()) {
        answers.push(poll.answer)
        expect(poll.information?.stations).toEqual(informationOf(made[0]!))
        expect(poll.weather?.hours).toEqual(weatherOf(made[0]!, 'city').hours)
      }
      expect(answers).toEqual(made.map(pollAnswerOf).filter(({ kind }) => kind === 'status'))
      expect(recording.skipped.total).toBe(0)
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})
