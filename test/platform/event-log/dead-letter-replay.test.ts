import pino from 'pino'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Observation } from '../../../services/domain/observation.ts'
import { type ErrorCode, VelocastError } from '../../../services/platform/errors.ts'
import { createCodec } from '../../../services/platform/event-log/avro-codec.ts'
import type { Codec } from '../../../services/platform/event-log/codec.ts'
import { createDeadLetters } from '../../../services/platform/event-log/dead-letters.ts'
import { openInProcessLog } from '../../../services/platform/event-log/in-process.ts'
import { partitionOf } from '../../../services/platform/event-log/partitioner.ts'
import type { EventLog, LogRecord } from '../../../services/platform/event-log/port.ts'
import {
  type DeadLetterFilter,
  readDeadLetters,
  readLetterRecords,
} from '../../../services/platform/event-log/read-dead-letters.ts'
import { replayDeadLetters } from '../../../services/platform/event-log/replay-dead-letters.ts'
import { TOPICS, topicSpecs } from '../../../services/platform/topics.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'
import { memoryRegistry } from '../schema-registry/memory-registry.ts'
import { observation } from './arbitrary-records.ts'
import { readAll } from './conformance/collect.ts'

const PARTITIONS = 3
let clock: ManualClock
let log: EventLog
let codec: Codec

beforeEach(async () => {
  clock = new ManualClock(0)
  log = openInProcessLog({ file: ':memory:', clock })
  onTestFinished(() => log.close())
  codec = createCodec({ registry: memoryRegistry() })
  await codec.register()
  await log.ensureTopics(topicSpecs({ partitions: PARTITIONS }))
})

const replay = (more: { filter?: DeadLetterFilter; limit?: number; dryRun?: boolean } = {}) =>
  replayDeadLetters({ platform: { log, codec }, filter: {}, limit: 1_000, dryRun: false, ...more })

function encoded(changes: Partial<Observation> = {}): LogRecord {
  const value = observation(changes)
  return {
    topic: TOPICS.status,
    partition: 1,
    offset: 0,
    key: `${value.system}/${value.station_id}`,
    value: codec.encode(TOPICS.status, 'StationObservation', value),
    headers: { ce_type: 'velocast.station-observation.v1', traceparent: '00-1-2-01' },
    appended: 0,
  }
}

/** As the service that refuses the records does it. */
async function refuse(
  records: LogRecord[],
  { service = 'sink', code = 'schema_unknown_id' as ErrorCode } = {},
): Promise<void> {
  const platform = { log, logger: pino({ level: 'silent' }), metrics: new Registry() }
  clock.advance(1_000)
  const error = new VelocastError({ code, message: 'registry has no schema of this id: 9' })
  await createDeadLetters({ platform, service, group: 'group' }).publish(
    records.map((record) => ({ record, error })),
  )
}

async function published(topic: string): Promise<LogRecord[]> {
  const count = (await log.lag('nobody', [topic])).reduce((sum, { end }) => sum + end, 0)
  return count === 0 ? [] : readAll(log, topic, count)
}

describe('dead letters that are replayed', () => {
  test('come back with key, bytes and headers as they were, in the partition of their system', async () => {
    const original = encoded()
    await refuse([original])
    expect(await replay()).toEqual({
      dry_run: false,
      published: 1,
      already_replayed: 0,
      still_refused: [],
      left: 0,
    })
    const [record, ...others] = await published(TOPICS.status)
    expect(others).toEqual([])
    const { key, value, headers } = original
    expect(record).toMatchObject({ key, value, headers, partition: partitionOf('velib', PARTITIONS) })
    expect(Object.keys(record!.headers).filter((name) => name.startsWith('dl_'))).toEqual([])
  })

  test('are published once, however many services refused them and however often they are replayed', async () => {
    const records = [encoded(), { ...encoded({ station_id: 'other' }), offset: 1 }]
    await refuse(records)
    await refuse(records, { service: 'windows' })
    expect(await replay()).toMatchObject({ published: 2, already_replayed: 0 })
    expect(await replay()).toMatchObject({ published: 0, already_replayed: 2 })
    await refuse(records, { service: 'monitor' })
    expect(await replay()).toMatchObject({ published: 0, already_replayed: 2 })
    expect(await published(TOPICS.status)).toHaveLength(2)
    const letters = await readDeadLetters({ log })
    expect(letters.map(({ service, replayed }) => [service, replayed])).toEqual(
      ['sink', 'sink', 'windows', 'windows', 'monitor', 'monitor'].map((name) => [name, true]),
    )
  })

  test('stand in the order in which the originals stood, whatever the order of the letters', async () => {
    const stations = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const records = stations.map((station_id, offset) => ({ ...encoded({ station_id }), offset }))
    await refuse(records.slice(4))
    await refuse(records.slice(0, 4).toReversed())
    await replay()
    expect((await published(TOPICS.status)).map(({ key }) => key)).toEqual(
      stations.map((station) => `velib/${station}`),
    )
  })

  test('are left where they are while they would be refused again, and taken once they would not', async () => {
    const bytes = Buffer.from('00000f4240aa', 'hex')
    await refuse([
      { ...encoded(), value: bytes },
      { ...encoded(), offset: 1, value: null },
      { ...encoded(), offset: 2, key: 'velib' },
      { ...encoded({ bikes: -1 }), offset: 3 },
      { ...encoded(), offset: 4 },
    ])
    const report = await replay()
    expect(report.published).toBe(1)
    expect(report.still_refused.map(({ code }) => code).toSorted()).toEqual([
      'record_invalid',
      'record_null_value',
      'record_wrong_key',
      'schema_unknown_id',
    ])
    expect(await published(TOPICS.status)).toHaveLength(1)
    expect((await readDeadLetters({ log })).filter(({ replayed }) => replayed)).toHaveLength(1)
  })

  test('are not published whose value was cut, or who do not say where they stood', async () => {
    await log.publish(TOPICS.deadLetters, [{ partitionKey: 'x', key: 'x', value: Buffer.from('strange') }])
    const large = { ...encoded(), value: Buffer.alloc(2 * 1_048_576 - 150, 1) }
    await refuse([large])
    const letters = await readDeadLetters({ log, filter: { service: 'sink' } })
    expect(letters).toMatchObject([{ cut: true, bytes: large.value.length }])
    const { published: count, still_refused } = await replay()
    expect([count, still_refused.length]).toEqual([0, 2])
    expect(still_refused.map(({ message }) => message).join()).toMatch(/beginning of this value.*dl_topic/)
  })

  test('are not touched by a dry run, nor beyond the limit', async () => {
    await refuse([0, 1, 2].map((offset) => ({ ...encoded({ station_id: `s${offset}` }), offset })))
    expect(await replay({ dryRun: true })).toMatchObject({ dry_run: true, published: 3, left: 0 })
    expect(await published(TOPICS.status)).toEqual([])
    expect(await replay({ limit: 2 })).toMatchObject({ published: 2, left: 1 })
    expect(await replay({ limit: 2 })).toMatchObject({ published: 1, already_replayed: 2, left: 0 })
    expect((await published(TOPICS.status)).map(({ key }) => key)).toEqual([
      'velib/s0',
      'velib/s1',
      'velib/s2',
    ])
  })
})

describe('dead letters that are read', () => {
  test('are those that fit the filter', async () => {
    await refuse([encoded()], { service: 'windows' })
    const [first] = await readDeadLetters({ log })
    await refuse([{ ...encoded({ system: 'docomo' }), offset: 5 }], { code: 'record_corrupt' })
    const read = async (filter: DeadLetterFilter) =>
      (await readDeadLetters({ log, filter })).map(({ system }) => system)
    expect(await read({})).toEqual(['velib', 'docomo'])
    expect(await read({ system: 'docomo' })).toEqual(['docomo'])
    expect(await read({ service: 'windows' })).toEqual(['velib'])
    expect(await read({ code: 'record_corrupt' })).toEqual(['docomo'])
    expect(await read({ code: 'record_corrupt', system: 'velib' })).toEqual([])
    expect(await read({ partition: first!.partition, offset: first!.offset })).toEqual(['velib'])
    expect(await read({ untilUtc: first!.appended_utc })).toEqual([])
    expect(await read({ sinceUtc: first!.appended_utc })).toEqual(['velib', 'docomo'])
    expect(await read({ sinceUtc: Number.MAX_SAFE_INTEGER })).toEqual([])
  })

  test('leave no commit behind, and are given with their records', async () => {
    const records = [0, 1, 2, 3].map((offset) => ({ ...encoded({ station_id: `s${offset}` }), offset }))
    await refuse(records)
    const letters = await readDeadLetters({ log })
    const stored = await readLetterRecords(log, letters)
    expect(stored.map((record) => record!.key)).toEqual(letters.map(({ key }) => key))
    expect(stored.every((record) => record!.headers.dl_code === 'schema_unknown_id')).toBe(true)
    const lag = await log.lag('velocast-dead-letters', [TOPICS.deadLetters])
    expect(lag.every(({ committed }) => committed === null)).toBe(true)
  })
})
