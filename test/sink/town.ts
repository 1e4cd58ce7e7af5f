import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { onTestFinished } from 'vitest'
import { floorBin } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { stationKey } from '../../services/domain/station.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import type { EventLog, OutgoingRecord } from '../../services/platform/event-log/port.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { OBSERVATION_COLUMNS } from '../../services/platform/parquet/columns.ts'
import { openDuckDb } from '../../services/platform/parquet/duckdb.ts'
import { readParquetRows } from '../../services/platform/parquet/read.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { Platform } from '../../services/platform/service.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import { ManualClock } from '../ingest/manual-clock.ts'
import type { Poll } from './observations.ts'

export const NOW = Date.UTC(2024, 11, 24, 18, 1)

/** A platform on the in-process log and a local store, in a directory that goes with the test. */
export interface Town {
  platform: Platform
  clock: ManualClock
  directory: string
  /** The same log and store as another process has them: metrics of its own. */
  again(over?: Partial<Platform>): Platform
  publish(polls: readonly Poll[], how?: { withoutRecords?: boolean }): Promise<void>
}

export async function openTown(
  options: { config?: Record<string, unknown>; objects?: ObjectStore; log?: EventLog } = {},
): Promise<Town> {
  const directory = mkdtempSync(join(tmpdir(), 'velocast-sink-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new ManualClock(NOW)
  const codec = createCodec({ registry: openLocalRegistry({ directory: join(directory, 'registry') }) })
  await codec.register()
  const log = options.log ?? openInProcessLog({ file: ':memory:', clock: systemClock })
  onTestFinished(() => log.close())
  await log.ensureTopics(topicSpecs({ partitions: 2 }))
  const platform: Platform = {
    config: configSchema.parse(options.config ?? {}),
    clock,
    logger: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    metrics: new Registry(),
    log,
    codec,
    objects: options.objects ?? (await openLocalStore({ root: join(directory, 'store') })),
    windows: openMemoryWindowStore(),
    lookUps: openMemoryLookUpStore({ clock }),
  }
  return {
    platform,
    clock,
    directory,
    again: (over = {}) => ({ ...platform, metrics: new Registry(), ...over }),
    async publish(polls, { withoutRecords = false } = {}) {
      for (const { observations, record } of polls) {
        const records: OutgoingRecord[] = observations.map((observation) => ({
          partitionKey: observation.system,
          key: stationKey(observation.system, observation.station_id),
          value: codec.encode(TOPICS.status, 'StationObservation', observation),
        }))
        if (!withoutRecords) {
          const value = codec.encode(TOPICS.status, 'PollRecord', record)
          records.push({ partitionKey: record.system, key: record.system, value })
        }
        await log.publish(TOPICS.status, records)
      }
    },
  }
}

/** Waits until `check` holds, giving the other work its turns. */
export async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Rows of a Parquet object as plain records, in file order. */
export async function rowsOf(
  objects: ObjectStore,
  path: string,
  columns = OBSERVATION_COLUMNS as readonly { name: string; type: never; nullable: boolean }[],
) {
  const database = await openDuckDb()
  try {
    const file = join(database.directory, 'read.parquet')
    await objects.download(path, file)
    return await readParquetRows({ database, files: [file], columns })
  } finally {
    await database.close()
  }
}

/** The record that a file's row must be. */
export function rowOf(observation: Observation): Record<string, unknown> {
  const cells = OBSERVATION_COLUMNS.map(({ name }) => [
    name,
    name === 'tbin_utc' ? floorBin(observation.ts_utc) : observation[name],
  ])
  return Object.fromEntries(cells)
}

/** Path → MD5 of every object below the prefix, without what tells when and by whom it was made. */
export async function fingerprint(objects: ObjectStore, prefix = ''): Promise<Record<string, string>> {
  const entries = (await objects.list(prefix))
    .filter(({ path }) => !/\/(runs|leases)\/|^ledger\//.test(path))
    .map(async ({ path }) => {
      const { bytes } = (await objects.get(path))!
      return [path, createHash('md5').update(bytes).digest('hex')] as const
    })
  return Object.fromEntries(await Promise.all(entries))
}
