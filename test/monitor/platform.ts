import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { Registry } from 'prom-client'
import { binName, dayName, floorBin, floorHour } from '../../services/domain/bin.ts'
import { compareObservations, type Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'
import { stationKey } from '../../services/domain/station.ts'
import { createMonitorService, type MonitorOptions } from '../../services/monitor/service.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import type { EventLog, OutgoingRecord } from '../../services/platform/event-log/port.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import {
  bronzeContentName,
  encodeBronze,
  encodePolls,
  pollsContentName,
} from '../../services/platform/parquet/bronze.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { SchemaRegistryPort } from '../../services/platform/schema-registry/port.ts'
import type { Platform, Service } from '../../services/platform/service.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import type { CityPoll } from './city.ts'
import { memoryStore } from './memory-store.ts'

export interface World {
  platform: Platform
  directory: string
  close(): Promise<void>
}

/** The embedded log and codec, and a store, all in memory, unless other adapters are given. */
export async function openWorld({
  systems = ['test-city', 'other-city'],
  adapters,
}: {
  systems?: string[]
  adapters?: { log: EventLog; registry: SchemaRegistryPort; objects: ObjectStore }
} = {}): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'velocast-monitor-'))
  const config = configSchema.parse({
    systems: systems.map((id) => ({
      id,
      discovery_url: 'http://localhost/gbfs.json',
      timezone: 'Europe/Paris',
    })),
    monitor: { window_days: 1, reference_days: 7 },
  })
  const log = adapters?.log ?? openInProcessLog({ file: ':memory:', clock: systemClock })
  await log.ensureTopics(topicSpecs({ partitions: 1 }))
  const codec = createCodec({
    registry: adapters?.registry ?? openLocalRegistry({ directory: join(directory, 'registry') }),
  })
  await codec.register()
  const objects = adapters?.objects ?? memoryStore()
  const platform = {
    config,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    log,
    codec,
    objects,
  } as unknown as Platform
  return {
    platform,
    directory,
    async close() {
      await log.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export async function publishPolls({ log, codec }: Platform, polls: readonly CityPoll[]): Promise<number> {
  let next = 0
  for (const { poll, observations } of polls) {
    const records: OutgoingRecord[] = observations.map((observation) => ({
      partitionKey: poll.system,
      key: stationKey(poll.system, observation.station_id),
      value: codec.encode(TOPICS.status, 'StationObservation', observation),
    }))
    records.push({
      partitionKey: poll.system,
      key: poll.system,
      value: codec.encode(TOPICS.status, 'PollRecord', poll),
    })
    next = (await log.publish(TOPICS.status, records)).at(-1)!.offset + 1
  }
  return next
}

/** What the sink leaves behind, in larger parts: bronze of an hour, poll files and its ledger. */
export async function writeParquet(
  objects: ObjectStore,
  polls: readonly CityPoll[],
  nextOffset: number,
): Promise<void> {
  const hours = new Map<string, { hour: number; system: string; rows: Map<string, Observation> }>()
  for (const { poll, observations } of polls) {
    for (const row of observations) {
      const bin = floorBin(row.ts_utc)
      const hour = floorHour(bin)
      const key = `${poll.system}/${hour}`
      const part = hours.get(key) ?? { hour, system: poll.system, rows: new Map() }
      hours.set(key, part)
      const before = part.rows.get(`${row.station_id}/${bin}`)
      if (before === undefined || compareObservations(before, row) < 0) {
        part.rows.set(`${row.station_id}/${bin}`, row)
      }
    }
  }
  for (const { hour, system, rows } of hours.values()) {
    const sorted = [...rows.values()].sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
    const name = `${binName(hour)}-${bronzeContentName(sorted)}.parquet`
    const folder = `${system}/bronze/date=${dayName(hour)}/hour=${binName(hour).slice(11, 13)}`
    await objects.put(`${folder}/${name}`, encodeBronze({ rows: sorted }))
  }
  const files = Map.groupBy(
    polls.map(({ poll }) => poll),
    ({ system, fetched_utc }) => `${system} ${dayName(fetched_utc)}`,
  )
  for (const own of files.values()) {
    const first = new Date(own[0]!.fetched_utc).toISOString().slice(0, 19).replaceAll(':', '-')
    const path = `${own[0]!.system}/polls/date=${first.slice(0, 10)}/${first}-${pollsContentName(own)}.parquet`
    await objects.put(path, encodePolls({ polls: own }))
  }
  await writeSinkLedger(
    objects,
    polls.map(({ poll }) => poll),
    nextOffset,
  )
}

async function writeSinkLedger(
  objects: ObjectStore,
  polls: readonly PollRecord[],
  next: number,
): Promise<void> {
  const systems = Object.fromEntries(
    polls.map(({ system }) => [
      system,
      { next_offset: next, polls_next_offset: next, watermark: 0, closed_through: 0 },
    ]),
  )
  await objects.put('ledger/sink/p0.json', Buffer.from(JSON.stringify({ version: 1, epoch: 1, systems })))
}

/** Runs the service until it has handled everything that is in the log. */
export async function runToEnd(
  platform: Platform,
  options: MonitorOptions & { finish?: boolean } = {},
): Promise<Service> {
  const service = createMonitorService(
    { ...platform, metrics: new Registry() },
    { maxBatchRecords: 500, artefactIntervalMs: 0, ...options },
  )
  let failure: unknown = null
  service.onFailure((error) => {
    failure = error
  })
  await service.start()
  while (!(await service.caughtUp()) && failure === null) await systemClock.sleep(5)
  if (failure !== null && options.fault === undefined) throw failure
  if (failure === null && options.finish !== false) await service.finish()
  return service
}

/** Every object below a prefix, by path. */
export async function contents(objects: ObjectStore, prefix: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const { path } of await objects.list(prefix)) {
    found.set(path, (await objects.get(path))!.bytes.toString())
  }
  return found
}
