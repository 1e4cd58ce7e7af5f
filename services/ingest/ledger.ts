import { z } from 'zod'
import type { StationDescription } from '../domain/gbfs/information.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import type { FeedAddresses } from './feed-reader.ts'
import type { Validators } from './http-fetch.ts'
import type { PollState } from './pipeline.ts'

/** What a new process needs so as to go on without repeating and without waiting for a broken file. */
export interface IngestLedger {
  state: PollState | null
  validators: Validators | null
  addresses: FeedAddresses | null
  stations: StationDescription[]
}

const nullable = <T extends z.ZodType>(type: T) => type.nullable()

const progressSchema = z.object({
  version: z.literal(1),
  state: nullable(
    z.object({
      content: z.string(),
      published_utc: nullable(z.number()),
      fetched_utc: z.number(),
      ts_utc: nullable(z.number()),
    }),
  ),
  validators: nullable(
    z.object({ url: z.string(), etag: nullable(z.string()), last_modified: nullable(z.string()) }),
  ),
  addresses: nullable(
    z.object({
      status_url: z.string(),
      information_url: z.string(),
      vehicle_types_url: nullable(z.string()),
    }),
  ),
})

const stationsSchema = z.object({
  version: z.literal(1),
  stations: z.array(
    z.object({
      station_id: z.string(),
      name: nullable(z.string()),
      lat: nullable(z.number()),
      lon: nullable(z.number()),
      capacity: nullable(z.number()),
      region_id: nullable(z.string()),
    }),
  ),
})

function progressPath(system: string): string {
  return `ledger/ingest/${system}/progress.json`
}

function stationsPath(system: string): string {
  return `ledger/ingest/${system}/information.json`
}

/** An absent or unreadable ledger is an empty one: everything is then asked for anew, which repeats but loses nothing. */
export async function readLedger(store: ObjectStore, system: string): Promise<IngestLedger> {
  const [progress, stations] = await Promise.all([
    readObject(store, progressPath(system), progressSchema),
    readObject(store, stationsPath(system), stationsSchema),
  ])
  return {
    state: progress?.state ?? null,
    validators: progress?.validators ?? null,
    addresses: progress?.addresses ?? null,
    stations: stations?.stations ?? [],
  }
}

export async function writeProgress(
  store: ObjectStore,
  system: string,
  progress: Pick<IngestLedger, 'state' | 'validators' | 'addresses'>,
): Promise<void> {
  await writeObject(store, progressPath(system), { version: 1, ...progress })
}

export async function writeStations(
  store: ObjectStore,
  system: string,
  stations: StationDescription[],
): Promise<void> {
  await writeObject(store, stationsPath(system), { version: 1, stations })
}

async function readObject<T>(store: ObjectStore, path: string, schema: z.ZodType<T>): Promise<T | null> {
  const object = await store.get(path)
  if (object === null) return null
  try {
    return schema.parse(JSON.parse(object.bytes.toString()))
  } catch {
    return null
  }
}

async function writeObject(store: ObjectStore, path: string, value: unknown): Promise<void> {
  await store.put(path, Buffer.from(`${JSON.stringify(value)}\n`), { contentType: 'application/json' })
}
