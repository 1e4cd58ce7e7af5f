import pino from 'pino'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../services/platform/clock.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { observation, pollRecord } from '../platform/event-log/arbitrary-records.ts'
import { run } from '../stack/command.ts'
import { ensureCommand } from '../stack/debian.ts'
import { consumeWithPython } from '../stack/python.ts'

const brokers = inject('kafkaBrokers') ?? []
const registryUrl = inject('registryUrl') ?? ''
const ready = brokers.length > 0 && registryUrl !== ''

describe.skipIf(!ready)("readers that are not ours (skipped where Kafka or a registry can't be had)", () => {
  const topic = `readers.${process.pid}.${Date.now()}`
  const first = observation({ station_id: '16107', docks_disabled: 2 })
  const second = observation({ station_id: 'nørre/駅', bikes: null, temp_C: -3.5 })
  const log = openKafkaLog({
    brokers,
    clientId: 'velocast-readers',
    sessionTimeoutMs: 6_000,
    replication: 1,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  })
  afterAll(() => log.close())

  beforeAll(async () => {
    const codec = createCodec({
      registry: openConfluentRegistry({ url: registryUrl }),
      topics: { [topic]: ['StationObservation', 'PollRecord'] },
    })
    await codec.register()
    await log.ensureTopics([
      { name: topic, partitions: 3, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
    ])
    const headers = (type: string) => ({ ce_type: `velocast.${type}.v1`, 'content-type': 'application/avro' })
    await log.publish(topic, [
      ...[first, second].map((value) => ({
        partitionKey: 'velib',
        key: `velib/${value.station_id}`,
        value: codec.encode(topic, 'StationObservation', value),
        headers: headers('station-observation'),
      })),
      {
        partitionKey: 'velib',
        key: 'velib',
        value: codec.encode(topic, 'PollRecord', pollRecord({ refused: { count_missing: 3 } })),
        headers: headers('poll-record'),
      },
    ])
  })

  test("Confluent's Python client decodes every record through the registry, with its append time", async () => {
    const records = await consumeWithPython({ brokers, registryUrl, topic, count: 3 })
    expect(records.map(({ key, headers }) => [key, headers.ce_type])).toEqual([
      ['velib/16107', 'velocast.station-observation.v1'],
      ['velib/nørre/駅', 'velocast.station-observation.v1'],
      ['velib', 'velocast.poll-record.v1'],
    ])
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1)
    for (const { timestampType, timestamp } of records) {
      expect(timestampType).toBe('LogAppendTime')
      expect(timestamp).toBeGreaterThan(first.ts_utc)
    }
    expect(records[0]!.value).toMatchObject({ bikes: 5, docks_disabled: 2, lat: first.lat, temp_C: 12.5 })
    expect(records[0]!.value).toHaveProperty('ts_utc', expect.stringContaining('2024-11-01 00:00:00'))
    expect(records[1]!.value).toMatchObject({ bikes: null, temp_C: -3.5, is_renting: true })
    expect(records[2]!.value).toMatchObject({ outcome: 'ok', rows: 1, refused: { count_missing: 3 } })
  })

  test("Debian's kcat reads keys, headers and schema ids, and the registry gives the schema of each", async () => {
    const kcat = await ensureCommand({ command: 'kcat', debianPackage: 'kcat' })
    const output = await run({
      command: kcat,
      args: [
        ...['-b', brokers.join(','), '-t', topic, '-C', '-e', '-q', '-o', 'beginning'],
        ...['-s', 'value=>bIs', '-f', '%k|%h|%s|end\n'],
      ],
    })
    const rows = output
      .split('|end\n')
      .slice(0, -1)
      .map(
        (row) =>
          /^(?<key>[^|]*)\|ce_type=(?<type>[^,]*),content-type=application\/avro\|0(?<id>\d+)/.exec(row)!
            .groups!,
      )
    expect(rows.map(({ key, type }) => [key, type])).toEqual([
      ['velib/16107', 'velocast.station-observation.v1'],
      ['velib/nørre/駅', 'velocast.station-observation.v1'],
      ['velib', 'velocast.poll-record.v1'],
    ])
    const names = rows.map(async ({ id }) => {
      const answer = await fetch(`${registryUrl}/schemas/ids/${id}`)
      return JSON.parse(((await answer.json()) as { schema: string }).schema).name
    })
    expect(await Promise.all(names)).toEqual(['StationObservation', 'StationObservation', 'PollRecord'])
  })
})
