import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VelocastError } from '../../../services/platform/errors.ts'
import { createCodec } from '../../../services/platform/event-log/avro-codec.ts'
import { readAvroSchema } from '../../../services/platform/event-log/avro-schemas.ts'
import { compileAvro } from '../../../services/platform/event-log/avro-type.ts'
import type { Codec } from '../../../services/platform/event-log/codec.ts'
import { subjectOf, TOPIC_RECORDS } from '../../../services/platform/event-log/topic-records.ts'
import { TOPICS } from '../../../services/platform/topics.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'
import { memoryRegistry } from '../schema-registry/memory-registry.ts'
import {
  arbitraryObservation,
  arbitraryPollRecord,
  arbitraryWindowUpdate,
  observation,
  pollRecord,
} from './arbitrary-records.ts'

describe('the codec', () => {
  test('gives back any record as it was encoded, as a plain object', async () => {
    const { codec } = await registered()
    const roundTrip = async (
      topic: string,
      name: Parameters<Codec['encode']>[1],
      value: never,
    ): Promise<void> => {
      const [decoded] = await codec.decode(topic, [codec.encode(topic, name, value)])
      expect(decoded).toStrictEqual({ name, value })
    }
    await fc.assert(
      fc.asyncProperty(arbitraryObservation, (value) =>
        roundTrip(TOPICS.status, 'StationObservation', value as never),
      ),
    )
    await fc.assert(
      fc.asyncProperty(arbitraryPollRecord, (value) =>
        roundTrip(TOPICS.status, 'PollRecord', value as never),
      ),
    )
    await fc.assert(
      fc.asyncProperty(arbitraryWindowUpdate, (value) =>
        roundTrip(TOPICS.windowUpdates, 'WindowUpdate', value as never),
      ),
    )
  })

  test("frames records as Confluent's serialisers do: byte 0, id as big-endian uint32, Avro binary", async () => {
    const { codec, registry } = await registered()
    const bytes = codec.encode(TOPICS.status, 'StationObservation', observation())
    const id = await registry.register(
      subjectOf(TOPICS.status, 'StationObservation'),
      readAvroSchema('StationObservation'),
    )
    expect([bytes[0], bytes.readUInt32BE(1)]).toEqual([0, id])
    const plain = avro.Type.forSchema(readAvroSchema('StationObservation') as avro.Schema, {
      wrapUnions: 'never',
    })
    expect(plain.fromBuffer(bytes.subarray(5))).toEqual(observation())
  })

  test('registers one subject for each record of each topic', async () => {
    const { registry } = await registered()
    expect([...registry.subjects].sort()).toEqual(
      Object.entries(TOPIC_RECORDS)
        .flatMap(([topic, names]) => names.map((name) => `${topic}-velocast.${name}`))
        .sort(),
    )
    expect(registry.subjects).toContain('bikeshare.station-status.v1-velocast.StationObservation')
  })

  test('encodes a record larger than its shared buffer, and the next one after it', async () => {
    const { codec } = await registered()
    const large = observation({ name: 'x'.repeat(200_000) })
    const records = [observation(), large, observation({ station_id: '2' })].map((value) =>
      codec.encode(TOPICS.status, 'StationObservation', value),
    )
    const decoded = await codec.decode(TOPICS.status, records)
    expect(decoded.map((entry) => ('value' in entry ? entry.value : entry))).toEqual([
      observation(),
      large,
      observation({ station_id: '2' }),
    ])
  })

  test('refuses a value that does not fit, with its path', async () => {
    const { codec } = await registered()
    for (const [changes, path] of [
      [{ bikes: 1.5 }, 'bikes got 1.5'],
      [{ mechanical: null as never }, 'mechanical got null'],
      [{ ts_utc: 2 ** 60 }, `ts_utc got ${2 ** 60}`],
    ] as const) {
      expect(() => codec.encode(TOPICS.status, 'StationObservation', observation(changes))).toThrowError(
        expect.objectContaining({ code: 'record_invalid', message: expect.stringContaining(path) }),
      )
    }
  })

  test('refuses to encode before it is registered and what the topic does not carry', async () => {
    const { codec } = await registered()
    expect(() => codec.encode(TOPICS.weather, 'PollRecord', pollRecord())).toThrow(/topic carry the record/)
    const fresh = createCodec({ registry: memoryRegistry() })
    expect(() => fresh.encode(TOPICS.status, 'PollRecord', pollRecord())).toThrow(/must be registered/)
  })

  test('gives each poisoned record its reason and decodes the others around it', async () => {
    const { codec, registry } = await registered()
    const good = codec.encode(TOPICS.status, 'StationObservation', observation())
    const foreign = codec.encode(TOPICS.weather, 'WeatherReport', {
      system: 'velib',
      point: '48.8,2.3',
      issued_utc: 0,
      hours: [],
    })
    const unknown = Buffer.from(good)
    unknown.writeUInt32BE(4_000_000, 1)
    const decoded = await codec.decode(TOPICS.status, [
      good,
      null,
      Buffer.alloc(0),
      Buffer.from('{"json": true}'),
      good.subarray(0, good.length - 3),
      Buffer.concat([good, Buffer.from([0])]),
      unknown,
      unknown,
      foreign,
      good,
    ])
    expect(decoded.map((entry) => (entry instanceof VelocastError ? entry.code : entry.name))).toEqual([
      'StationObservation',
      'record_null_value',
      'record_corrupt',
      'record_corrupt',
      'record_corrupt',
      'record_corrupt',
      'schema_unknown_id',
      'schema_unknown_id',
      'record_corrupt',
      'StationObservation',
    ])
    await codec.decode(TOPICS.status, [unknown, unknown])
    expect(registry.asked).toEqual([4_000_000])
  })

  test('asks again for an unknown id after ten seconds: its schema may have come late', async () => {
    const registry = memoryRegistry()
    const clock = new ManualClock(0)
    const codec = createCodec({ registry, clock })
    await codec.register()
    const schema = readAvroSchema('StationObservation')
    const note = { name: 'note', type: ['null', 'string'], default: null }
    const later = { ...schema, fields: [...schema.fields, note] }
    const body = compileAvro(later).toBuffer({ ...observation(), note: 'late' })
    const id = registry.subjects.size + 1
    const late = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), body])
    const decode = async () => (await codec.decode(TOPICS.status, [late]))[0]
    expect(await decode()).toMatchObject({ code: 'schema_unknown_id' })
    expect(await registry.register(subjectOf(TOPICS.status, 'StationObservation'), later)).toBe(id)
    clock.advance(9_999)
    expect(await decode()).toMatchObject({ code: 'schema_unknown_id' })
    clock.advance(1)
    expect(await decode()).toMatchObject({ name: 'StationObservation', value: observation() })
  })

  test('survives any corruption of any record: an entry for each, never a throw, never a hang', async () => {
    const { codec } = await registered()
    const update = codec.encode(TOPICS.windowUpdates, 'WindowUpdate', {
      ...{
        system: 'velib',
        poll_id: 'p',
        outcome: 'ok',
        source: 'live',
        tbin_utc: 0,
        ts_utc: 0,
        fetched_utc: 0,
      },
      station_ids: ['1', '2'],
      names: ['a', null],
      lats: [1, null],
      lons: [2, null],
      slots: Buffer.alloc(96),
    })
    const corruption = fc.array(fc.tuple(fc.nat({ max: update.length - 6 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(corruption, fc.nat({ max: update.length - 5 }), async (changes, cut) => {
        const corrupt = Buffer.from(update)
        for (const [position, byte] of changes) corrupt[5 + position] = byte
        const decoded = await codec.decode(TOPICS.windowUpdates, [corrupt, corrupt.subarray(0, 5 + cut)])
        expect(decoded).toHaveLength(2)
      }),
      { numRuns: 2_000 },
    )
  })

  test('does not believe an array that claims more items than there are bytes', async () => {
    const { codec, registry } = await registered()
    const id = await registry.register(
      subjectOf(TOPICS.weather, 'WeatherReport'),
      readAvroSchema('WeatherReport'),
    )
    const frame = Buffer.alloc(5)
    frame.writeUInt32BE(id, 1)
    const claim = Buffer.concat([frame, Buffer.from([0, 0, 0]), Buffer.from('feffffffffffff1f', 'hex')])
    const [decoded] = await codec.decode(TOPICS.weather, [claim])
    expect(decoded).toMatchObject({ code: 'record_corrupt' })
  })

  test('a registry that is away is thrown, since nothing is known of the records', async () => {
    const { codec, registry } = await registered()
    registry.away = true
    const unknown = Buffer.from([0, 0, 61, 9, 0, 1])
    await expect(codec.decode(TOPICS.status, [unknown])).rejects.toMatchObject({
      code: 'registry_unreachable',
      retryable: true,
    })
    registry.away = false
    expect((await codec.decode(TOPICS.status, [unknown]))[0]).toMatchObject({ code: 'schema_unknown_id' })
  })
})

async function registered() {
  const registry = memoryRegistry()
  const codec = createCodec({ registry })
  await codec.register()
  return { codec, registry }
}
