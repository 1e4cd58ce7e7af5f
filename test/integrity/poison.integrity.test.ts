/**
 * Guards against one record or one answer that stops a partition or a city: bytes of any kind must be refused with a
 * code, one by one, and never end the process, be taken for something else, or take their neighbours with them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrichPoll } from '../../services/domain/enrich.ts'
import { eventTime } from '../../services/domain/event-time.ts'
import { readJson } from '../../services/domain/gbfs/envelope.ts'
import { parseInformation } from '../../services/domain/gbfs/information.ts'
import { parseStatus } from '../../services/domain/gbfs/status.ts'
import { parseOpenMeteo } from '../../services/domain/open-meteo.ts'
import { isOpendatasoft, parseOpendatasoft } from '../../services/domain/opendatasoft.ts'
import { READING_CODES, ReadingError } from '../../services/domain/reading-error.ts'
import { ERROR_CODES, VelocastError } from '../../services/platform/errors.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import type { Codec, Decoded } from '../../services/platform/event-log/codec.ts'
import { checkRecord } from '../../services/platform/event-log/record-check.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { observation, pollRecord } from '../platform/event-log/arbitrary-records.ts'
import { seededRandom } from './pipeline-run.ts'
import { FULL, SEED } from './tier.ts'

const RECORDS = FULL ? 1_000_000 : 50_000
const BATCH = 500

let directory: string
let codec: Codec
const random = seededRandom(SEED)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-poison-'))
  codec = createCodec({ registry: openLocalRegistry({ directory }) })
  await codec.register()
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function below(limit: number): number {
  return Math.floor(random() * limit)
}

function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(256)))
}

/** Sound bytes with some of them flipped, cut, doubled, moved, or a piece of noise put in. */
function mutated(sound: Buffer): Buffer {
  const bytes = Buffer.from(sound)
  const at = below(bytes.length)
  switch (below(7)) {
    case 0:
      bytes[at] = below(256)
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), noise(1 + below(8)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + below(8)))])
    case 4:
      return bytes.fill([0, 255, 128, 127][below(4)]!, at, Math.min(bytes.length, at + 1 + below(10)))
    case 5:
      for (let flips = 1 + below(5); flips > 0; flips--) bytes[below(bytes.length)]! ^= 1 << below(8)
      return bytes
    default:
      return Buffer.concat([bytes, noise(1 + below(20))])
  }
}

/** A framed record whose varints say lengths and counts that are absurd. */
function absurd(sound: Buffer): Buffer {
  const long = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])
  const at = 5 + below(Math.max(1, sound.length - 5))
  return Buffer.concat([sound.subarray(0, at), long.subarray(0, 1 + below(10)), sound.subarray(at)])
}

describe(`${RECORDS} records of fuzzed bytes (seed ${SEED})`, () => {
  test(
    'each is decoded to something sound or refused with a code, and its neighbours are decoded',
    async () => {
      const sound = [
        codec.encode(TOPICS.status, 'StationObservation', observation()),
        codec.encode(TOPICS.status, 'PollRecord', pollRecord({ refused: { count_negative: 3 } })),
      ]
      const codes = new Map<string, number>()
      const count = (code: string): unknown => codes.set(code, (codes.get(code) ?? 0) + 1)
      for (let done = 0; done < RECORDS; done += BATCH) {
        const values = Array.from({ length: BATCH }, (_, place): Buffer | null => {
          const base = sound[below(2)]!
          if (place === 0 || place === BATCH - 1) return base
          const draw = random()
          if (draw < 0.01) return null
          if (draw < 0.1) return noise(below(200))
          if (draw < 0.2) return Buffer.concat([base.subarray(0, 5), noise(below(200))])
          return draw < 0.35 ? absurd(base) : mutated(base)
        })
        const results = await codec.decode(TOPICS.status, values)
        expect(results).toHaveLength(BATCH)
        expect(results[0]).not.toBeInstanceOf(Error)
        expect(results[BATCH - 1]).not.toBeInstanceOf(Error)
        results.forEach((result, place) => {
          const refusal = result instanceof Error ? result : refusalOf(result, values[place] ?? null)
          if (refusal === null) count('taken')
          else {
            if (!(refusal instanceof VelocastError)) throw refusal
            expect(ERROR_CODES).toContain(refusal.code)
            count(refusal.code)
          }
        })
      }
      const kinds = ['taken', 'record_null_value', 'record_corrupt', 'schema_unknown_id', 'record_invalid']
      for (const kind of kinds) expect(codes.get(kind), kind).toBeGreaterThan(0)
    },
    FULL ? 1_200_000 : 60_000,
  )
})

/** What a consumer does with what it decoded. */
function refusalOf(decoded: Decoded, value: Buffer | null): VelocastError | null {
  const key = decoded.name === 'PollRecord' ? decoded.value.system : `${decoded.value.system}/`
  const station = 'station_id' in decoded.value ? decoded.value.station_id : ''
  const record = { topic: TOPICS.status, partition: 0, offset: 0, value, headers: {}, appended: 0 }
  return checkRecord({ ...record, key: `${key}${station}` }, decoded)
}

const ANSWERS = FULL ? 50_000 : 2_500
const WEIRD: readonly unknown[] = [
  null,
  -1,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  0.5,
  '',
  'NaN',
  '12',
  '\u0000',
  '__proto__',
  [],
  {},
  [[]],
  true,
  '2026-02-30T25:61:00Z',
  -8.64e15,
]

function statusAnswer(): Record<string, unknown> {
  const stations = Array.from({ length: 12 }, (_, place) => ({
    station_id: `s${place}`,
    num_bikes_available: place,
    num_bikes_available_types: [{ mechanical: place }, { ebike: 0 }],
    vehicle_types_available: [{ vehicle_type_id: 'e', count: 1 }],
    num_docks_available: 20 - place,
    is_installed: 1,
    is_renting: 1,
    is_returning: 1,
    last_reported: 1_773_180_000,
  }))
  return { last_updated: 1_773_180_000, ttl: 60, version: '2.3', data: { stations } }
}

const REPORT = {
  latitude: 48,
  longitude: 2,
  hourly_units: { temperature_2m: '°C', precipitation: 'mm', wind_speed_10m: 'm/s' },
  hourly: { time: ['2026-03-10T22:00'], temperature_2m: [5], precipitation: [0], wind_speed_10m: [2] },
}

/** A random place of the value, replaced by something odd or taken away. */
function bent(value: unknown): unknown {
  if (random() < 0.12 || typeof value !== 'object' || value === null) {
    return random() < 0.1 ? undefined : WEIRD[below(WEIRD.length)]
  }
  if (Array.isArray(value)) {
    const at = below(Math.max(1, value.length))
    return value.map((item, place) => (place === at ? bent(item) : item))
  }
  const names = Object.keys(value)
  const name = names[below(names.length)] ?? 'extra'
  return { ...value, [name]: bent((value as Record<string, unknown>)[name]) }
}

test(
  `${ANSWERS} fuzzed answers are read, in part or not at all, each refusal with a code (seed ${SEED})`,
  () => {
    const codes = new Map<string, number>()
    const count = (code: string): unknown => codes.set(code, (codes.get(code) ?? 0) + 1)
    const attempt = (read: () => void): void => {
      try {
        read()
        count('read')
      } catch (error) {
        if (!(error instanceof ReadingError)) throw error
        expect(READING_CODES).toContain(error.code)
        count(error.code)
      }
    }
    const fetchedUtc = 1_773_180_005_000
    for (let done = 0; done < ANSWERS; done++) {
      let answer: unknown = statusAnswer()
      for (let bends = 1 + below(4); bends > 0; bends--) answer = bent(answer)
      const text = JSON.stringify(answer) ?? ''
      const body = random() < 0.2 ? mutated(Buffer.from(`${text} `)) : Buffer.from(text)
      attempt(() => {
        const json = readJson(body)
        const status = isOpendatasoft(json) ? parseOpendatasoft(json) : parseStatus(json)
        for (const { reason, message } of status.refused) {
          expect(message).not.toBe('')
          count(reason)
        }
        const time = eventTime({ publishedUtc: status.published_utc, fetchedUtc })
        const { observations, refused } = enrichPoll({
          system: 'town',
          pollId: 'poll',
          time,
          publishedUtc: status.published_utc,
          stations: status.stations,
          descriptions: new Map(),
          weather: null,
        })
        expect(observations.length + refused.length).toBe(status.stations.length)
        for (const row of observations) codec.encode(TOPICS.status, 'StationObservation', row)
        if (random() < 0.2) codec.encode(TOPICS.status, 'StationObservation', observation())
      })
      attempt(() => parseInformation(readJson(body)))
      attempt(() =>
        parseOpenMeteo({ json: bent(REPORT), system: 'town', point: '48,2', issuedUtc: fetchedUtc }),
      )
    }
    for (const kind of ['read', 'feed_malformed', 'count_negative', 'station_not_an_object'])
      expect(codes.get(kind), kind).toBeGreaterThan(0)
  },
  FULL ? 600_000 : 60_000,
)
