import { z } from 'zod'
import type { StationDescription } from '../../domain/gbfs/information.ts'
import type { EventLog } from '../../platform/event-log/port.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { GROUPS, TOPICS } from '../../platform/topics.ts'

const checkpointSchema = z.object({
  version: z.literal(1),
  recording: z.string(),
  finished: z.boolean(),
  /** Place of the next poll in the recording. */
  position: z.number().int().min(0),
  /** Where the last poll's last record went. */
  partition: z.number().int().min(0),
  offset: z.number().int().min(-1),
  polls: z.number().int(),
  rows: z.number().int(),
  state: z
    .object({
      content: z.string(),
      published_utc: z.number().nullable(),
      fetched_utc: z.number(),
      ts_utc: z.number().nullable(),
    })
    .nullable(),
  stations: z.array(
    z.object({
      station_id: z.string(),
      name: z.string().nullable(),
      lat: z.number().nullable(),
      lon: z.number().nullable(),
      capacity: z.number().nullable(),
      region_id: z.string().nullable(),
    }),
  ),
})

/** Where a replay is in its recording, and what its pipeline must know to go on as if it had never stopped. */
export type Checkpoint = z.infer<typeof checkpointSchema> & { stations: StationDescription[] }

function checkpointPath(system: string, key: string): string {
  return `${system}/runs/replay/${key.slice(0, 16)}.json`
}

/**
 * The checkpoint of an unfinished replay of this recording whose records the log still has; else null, and the replay
 * begins at the beginning (which gives the same records again). Anything unreadable counts as none.
 */
export async function loadCheckpoint({
  objects,
  log,
  system,
  key,
}: {
  objects: Pick<ObjectStore, 'get'>
  log: Pick<EventLog, 'lag'>
  system: string
  key: string
}): Promise<Checkpoint | null> {
  const stored = await objects.get(checkpointPath(system, key))
  if (stored === null) return null
  let parsed: ReturnType<typeof checkpointSchema.safeParse>
  try {
    parsed = checkpointSchema.safeParse(JSON.parse(stored.bytes.toString('utf8')))
  } catch {
    return null
  }
  if (!parsed.success || parsed.data.finished || parsed.data.recording !== key) return null
  const { partition, offset } = parsed.data
  const lags = await log.lag(GROUPS.sink, [TOPICS.status])
  const end = lags.find((lag) => lag.partition === partition)?.end ?? 0
  return end > offset ? parsed.data : null
}

export async function saveCheckpoint({
  objects,
  system,
  checkpoint,
}: {
  objects: Pick<ObjectStore, 'put'>
  system: string
  checkpoint: Checkpoint
}): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(checkpoint))
  await objects.put(checkpointPath(system, checkpoint.recording), bytes, { contentType: 'application/json' })
}
