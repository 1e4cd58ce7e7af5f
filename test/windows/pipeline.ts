import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { Forecast } from '../../services/domain/forecast.ts'
import type { Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'
import { stationKey } from '../../services/domain/station.ts'
import type { WindowUpdate } from '../../services/domain/window.ts'
import type { Clock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import type { OutgoingRecord } from '../../services/platform/event-log/port.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { Platform, Service } from '../../services/platform/service.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import { observation } from '../domain/observations.ts'
import { openObjectMap } from '../platform/onnx/object-map.ts'

const registries = mkdtempSync(join(tmpdir(), 'velocast-registry-'))
process.on('exit', () => rmSync(registries, { recursive: true, force: true }))

export type TestPlatform = Platform & {
  objects: ReturnType<typeof openObjectMap>
  /** Another process's view of the same log and stores: its own metrics. */
  again(more?: Partial<Platform>): TestPlatform
}

/** A platform on the in-process log (in memory unless `file`), memory stores and a controllable clock. */
export async function openPlatform(
  config: Record<string, unknown> = {},
  more: Partial<Platform> = {},
): Promise<TestPlatform> {
  const now = 0
  const clock: Clock = { now: () => now, sleep: () => new Promise((resolve) => setImmediate(resolve)) }
  const registry = openLocalRegistry({ directory: mkdtempSync(join(registries, 'own-')) })
  const codec = createCodec({ registry })
  await codec.register()
  const log = openInProcessLog({ file: ':memory:', clock })
  await log.ensureTopics(topicSpecs({ partitions: 2 }))
  const base: Platform = {
    config: configSchema.parse({ systems: [town('town')], ...config }),
    clock,
    logger: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    metrics: new Registry(),
    log,
    codec,
    objects: openObjectMap(),
    windows: openMemoryWindowStore(),
    lookUps: openMemoryLookUpStore({ clock }),
    ...more,
  }
  const extend = (platform: Platform): TestPlatform => ({
    ...platform,
    objects: platform.objects as ReturnType<typeof openObjectMap>,
    again: (changes = {}) => extend({ ...platform, metrics: new Registry(), ...changes }),
  })
  return extend(base)
}

export function town(id: string): Record<string, string> {
  return { id, discovery_url: `https://${id}.example/gbfs.json` }
}

/** What one poll of `town` brings; without observations it is `unchanged` unless said otherwise. */
export interface Poll {
  poll_id: string
  observations?: Observation[]
  poll?: Partial<PollRecord> | null
}

export function pollRecord(more: Partial<PollRecord>): PollRecord {
  return {
    system: 'town',
    poll_id: 'p',
    outcome: 'ok',
    reason: null,
    rows: 0,
    refused: {},
    ts_utc: null,
    ts_source: 'none',
    published_utc: null,
    fetched_utc: 0,
    duration_ms: null,
    source: 'replay',
    ttl_s: null,
    gbfs_version: null,
    ...more,
  }
}

/** A poll of stations with these bikes at one event time. */
export function pollOf(options: {
  poll_id: string
  ts_utc: number
  fetched_utc?: number
  bikes: Record<string, number | null>
  system?: string
  more?: Partial<Observation>
}): Poll {
  const { poll_id, ts_utc, fetched_utc = ts_utc + 10_000, bikes, system = 'town' } = options
  const stations = Object.entries(bikes)
  return {
    poll_id,
    observations: stations.map(([station_id, count], poll_index) =>
      observation({
        system,
        station_id,
        poll_id,
        poll_index,
        poll_count: stations.length,
        ts_utc,
        fetched_utc,
        bikes: count,
        docks: count === null || count > 30 ? null : 30 - count,
        name: `Gare ${station_id}`,
        ...options.more,
      }),
    ),
    poll: { system, fetched_utc, ts_utc },
  }
}

/** Appends polls to the status topic as ingest does; `poll: null` leaves a poll without its record. */
export async function publishPolls(platform: Platform, polls: Poll[]): Promise<void> {
  const { codec, log } = platform
  for (const { poll_id, observations = [], poll } of polls) {
    const records: OutgoingRecord[] = observations.map((each) => ({
      partitionKey: each.system,
      key: stationKey(each.system, each.station_id),
      value: codec.encode(TOPICS.status, 'StationObservation', each),
    }))
    if (poll !== null) {
      const outcome = observations.length > 0 ? 'ok' : 'unchanged'
      const record = pollRecord({ poll_id, outcome, rows: observations.length, ...poll })
      records.push({
        partitionKey: record.system,
        key: record.system,
        value: codec.encode(TOPICS.status, 'PollRecord', record),
        headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      })
    }
    await log.publish(TOPICS.status, records)
  }
}

/** Starts a service, lets it handle all that is in the log, and closes it. */
export async function runThrough(service: Service): Promise<void> {
  await service.start()
  await settled(service)
  await service.drain(AbortSignal.timeout(10_000))
  await service.close()
}

/** Until the service has caught up; what ends it is thrown. */
export async function settled(service: Service): Promise<void> {
  let failure: unknown
  service.onFailure((error) => {
    failure = error
  })
  while (!(await service.caughtUp())) {
    if (failure !== undefined) throw failure
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Everything in a topic, in order within each partition, decoded. */
export async function readTopic<Value>(
  platform: Platform,
  topic: string,
): Promise<{ value: Value; headers: Record<string, string>; key: string | null }[]> {
  const found: { value: Value; headers: Record<string, string>; key: string | null }[] = []
  const subscription = await platform.log.subscribe({
    group: `reader-${Math.random()}`,
    topics: [topic],
    async batch({ records }) {
      const decoded = await platform.codec.decode(
        topic,
        records.map(({ value }) => value),
      )
      records.forEach(({ headers, key }, place) => {
        const entry = decoded[place]!
        if ('name' in entry && 'value' in entry) found.push({ value: entry.value as Value, headers, key })
      })
    },
  })
  for (;;) {
    const positions = await subscription.positions()
    const total = positions.reduce((sum, { end }) => sum + end, 0)
    if (positions.length > 0 && found.length >= total) break
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await subscription.close()
  return found
}

export async function readUpdates(platform: Platform): Promise<WindowUpdate[]> {
  return (await readTopic<WindowUpdate>(platform, TOPICS.windowUpdates)).map(({ value }) => value)
}

export async function readForecasts(platform: Platform): Promise<Forecast[]> {
  return (await readTopic<Forecast>(platform, TOPICS.forecasts)).map(({ value }) => value)
}
