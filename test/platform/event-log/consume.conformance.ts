import pino from 'pino'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { VelocastError } from '../../../services/platform/errors.ts'
import { createCodec } from '../../../services/platform/event-log/avro-codec.ts'
import type { Codec } from '../../../services/platform/event-log/codec.ts'
import { consume, type DecodedBatch } from '../../../services/platform/event-log/consume.ts'
import type { EventLog, LogRecord, OutgoingRecord } from '../../../services/platform/event-log/port.ts'
import type { SchemaRegistryPort } from '../../../services/platform/schema-registry/port.ts'
import { TOPICS, topicSpecs } from '../../../services/platform/topics.ts'
import { observation, pollRecord } from './arbitrary-records.ts'

export interface ConsumeHarness {
  log: EventLog
  registry: SchemaRegistryPort
  cleanUp(): Promise<void>
}

const PATIENCE = { timeout: 40_000, interval: 10 }
const PARTITIONS = 3

/** Bad records are contained: `consume` over an adapter of the log and one of the registry. */
export function describeConsume(name: string, create: () => Promise<ConsumeHarness>): void {
  describe(`consume: ${name}`, () => {
    let harness: ConsumeHarness
    let codec: Codec
    let topic: string
    let metrics: Registry
    const platform = () => ({ log: harness.log, codec, logger: pino({ level: 'silent' }), metrics })

    beforeEach(async () => {
      harness = await create()
      topic = `test.status.${process.pid}.${Math.random().toString(36).slice(2, 10)}`
      metrics = new Registry()
      codec = createCodec({
        registry: harness.registry,
        topics: { [topic]: ['StationObservation', 'PollRecord'], [`${topic}.other`]: ['WeatherReport'] },
      })
      await codec.register()
      const spec = { partitions: PARTITIONS, retentionMs: null, compacted: false, maxBytes: 2_097_152 }
      await harness.log.ensureTopics([
        { name: topic, ...spec },
        ...topicSpecs({ partitions: PARTITIONS }).filter(({ name: own }) => own === TOPICS.deadLetters),
      ])
    })
    afterEach(async () => {
      await harness.log.close()
      await harness.cleanUp()
    })

    const sound = (n: number): OutgoingRecord => ({
      partitionKey: 'velib',
      key: `velib/${n}`,
      value: codec.encode(topic, 'StationObservation', observation({ station_id: String(n) })),
      headers: { ce_type: 'velocast.station-observation.v1', traceparent: `trace-${n}` },
    })

    test('every kind of bad record goes to the dead letters with its reason, and the partition goes on', async () => {
      const changed = (n: number, value: Buffer | null, key = `velib/${n}`): OutgoingRecord => ({
        ...sound(n),
        key,
        value,
      })
      const bytes = sound(1).value!
      const unknownId = Buffer.from(bytes)
      unknownId.writeUInt32BE(1_999_999_999, 1)
      const bad: [code: string, record: OutgoingRecord][] = [
        ['record_corrupt', changed(1, bytes.subarray(0, bytes.length - 4))],
        ['record_corrupt', changed(2, Buffer.from('not avro at all'))],
        ['schema_unknown_id', changed(3, unknownId)],
        ['record_null_value', changed(4, null)],
        ['record_wrong_key', changed(5, bytes, 'docomo/5')],
        ['record_wrong_key', changed(6, bytes, 'velib')],
        [
          'record_corrupt',
          changed(
            7,
            codec.encode(`${topic}.other`, 'WeatherReport', {
              system: 'velib',
              point: '1,2',
              issued_utc: 0,
              hours: [],
            }),
          ),
        ],
        [
          'record_invalid',
          changed(
            8,
            codec.encode(
              topic,
              'StationObservation',
              observation({ station_id: '8', ts_utc: observation().fetched_utc + 86_400_001 }),
            ),
          ),
        ],
      ]
      const poll = codec.encode(topic, 'PollRecord', pollRecord())
      await harness.log.publish(topic, [
        sound(0),
        ...bad.flatMap(([, record], n) => [record, sound(100 + n)]),
        { partitionKey: 'velib', key: 'velib', value: poll },
      ])
      const total = 2 + 2 * bad.length

      const batches: DecodedBatch[] = []
      const subscription = await consume({
        platform: platform(),
        service: 'sink',
        group: `${topic}.sink`,
        topics: [topic],
        async batch(batch) {
          batches.push(batch)
          await subscription.commit(batch.epoch, [{ ...batch, offset: batch.nextOffset }])
        },
      })
      await vi.waitFor(async () => {
        const lag = await harness.log.lag(`${topic}.sink`, [topic])
        expect(lag.reduce((sum, { committed }) => sum + (committed ?? 0), 0)).toBe(total)
      }, PATIENCE)
      await subscription.close()

      const good = batches.flatMap(({ records }) => records)
      expect(good.map(({ record }) => record.key)).toEqual([
        'velib/0',
        ...bad.map((_, n) => `velib/${100 + n}`),
        'velib',
      ])
      expect(good.at(-1)!.decoded).toStrictEqual({ name: 'PollRecord', value: pollRecord() })

      const letters = await deadLettersOf(harness.log, topic, bad.length)
      expect(letters.map(({ headers }) => headers.dl_code)).toEqual(bad.map(([code]) => code))
      for (const [n, letter] of letters.entries()) {
        const original = bad[n]![1]
        expect([letter.key, letter.value]).toEqual([original.key, original.value])
        expect(letter.headers).toMatchObject({
          ...original.headers,
          dl_topic: topic,
          dl_offset: String(1 + 2 * n),
          dl_service: 'sink',
          dl_attempts: '1',
          dl_message: expect.stringMatching(/\S/),
        })
        expect(Number(letter.headers.dl_partition)).toBe(batches[0]!.partition)
      }
      const counted = await metrics.getSingleMetric('velocast_dead_letters_total')!.get()
      expect(counted.values.map(({ labels, value }) => [labels.service, labels.code, value])).toEqual([
        ['sink', 'record_corrupt', 3],
        ['sink', 'schema_unknown_id', 1],
        ['sink', 'record_null_value', 1],
        ['sink', 'record_wrong_key', 2],
        ['sink', 'record_invalid', 1],
      ])
    })

    test('a redelivered batch does not publish its dead letters again', async () => {
      await harness.log.publish(topic, [sound(1), { ...sound(2), value: null }, sound(3)])
      let calls = 0
      const subscription = await consume({
        platform: platform(),
        service: 'windows',
        group: `${topic}.windows`,
        topics: [topic],
        async batch({ records }) {
          calls++
          expect(records.map(({ record }) => record.key)).toEqual(['velib/1', 'velib/3'])
          if (calls < 3) throw retryable()
        },
      })
      await vi.waitFor(() => expect(calls).toBe(3), PATIENCE)
      await subscription.close()
      expect(await deadLettersOf(harness.log, topic, 1)).toHaveLength(1)
      const counted = await metrics.getSingleMetric('velocast_dead_letters_total')!.get()
      expect(counted.values.map(({ value }) => value)).toEqual([1])
    })

    test('a batch of bad records alone is handed on empty, so that its offset can be committed', async () => {
      await harness.log.publish(topic, [{ ...sound(1), value: null }])
      const seen = Promise.withResolvers<DecodedBatch>()
      const subscription = await consume({
        platform: platform(),
        service: 'monitor',
        group: `${topic}.monitor`,
        topics: [topic],
        batch: async (batch) => seen.resolve(batch),
      })
      expect(await seen.promise).toMatchObject({ records: [], nextOffset: 1, end: 1 })
      await subscription.close()
    })

    test('an oversized record is refused where it is published, and the partition goes on', async () => {
      const oversized = { ...sound(1), value: Buffer.alloc(2_097_152) }
      await expect(harness.log.publish(topic, [oversized])).rejects.toMatchObject({
        code: 'log_record_oversized',
        message: expect.stringContaining('velib/1'),
      })
      expect(await harness.log.publish(topic, [sound(2)])).toMatchObject([{ offset: 0 }])
    })

    test('a bad record that is too large for the dead letters with its headers is cut, and says how large it was', async () => {
      const large = Buffer.alloc(2_097_152 - 200, 1)
      await harness.log.publish(topic, [{ partitionKey: 'velib', key: 'velib/1', value: large }])
      const seen = Promise.withResolvers<DecodedBatch>()
      const subscription = await consume({
        platform: platform(),
        service: 'sink',
        group: `${topic}.cut`,
        topics: [topic],
        batch: async (batch) => seen.resolve(batch),
      })
      await seen.promise
      await subscription.close()
      const [letter] = await deadLettersOf(harness.log, topic, 1)
      expect(letter!.headers.dl_value_bytes).toBe(String(large.length))
      expect(letter!.value!.equals(large.subarray(0, letter!.value!.length))).toBe(true)
      expect(letter!.value!.length).toBe(65_536)
    })
  })
}

/** The dead letters of one topic, in the order of their offsets there. */
async function deadLettersOf(log: EventLog, topic: string, count: number): Promise<LogRecord[]> {
  const found: LogRecord[] = []
  const subscription = await log.subscribe({
    group: `${topic}.reader.${Math.random().toString(36).slice(2, 8)}`,
    topics: [TOPICS.deadLetters],
    async batch({ records }) {
      found.push(...records.filter(({ headers }) => headers.dl_topic === topic))
    },
  })
  await vi.waitFor(async () => {
    const positions = await subscription.positions()
    expect(positions.every(({ offset, end }) => offset === end)).toBe(true)
    expect(found.length).toBeGreaterThanOrEqual(count)
  }, PATIENCE)
  await subscription.close()
  return found.sort((a, b) => Number(a.headers.dl_offset) - Number(b.headers.dl_offset))
}

function retryable(): Error {
  return new VelocastError({ code: 'store_unreachable', retryable: true, message: 'store is away: test' })
}
