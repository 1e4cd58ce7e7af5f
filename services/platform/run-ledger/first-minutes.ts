import { z } from 'zod'
import type { ObjectStore } from '../object-store/port.ts'
import { readDocument } from '../object-store/read-document.ts'

const text = z.string()
const whole = z.number().int().nonnegative()

/**
 * `<system>/runs/first-minutes.json`: how a simulated city learned from its own simulated past. A system that has one is
 * simulated. Times are ISO 8601, UTC.
 */
const firstMinutesSchema = z.object({
  system: text,
  simulated: z.literal(true),
  seed: whole,
  /** `history`: being made; `training`: the run is asked for or at work; the others are ends. */
  state: z.enum(['history', 'training', 'promoted', 'refused', 'failed']),
  /** Stations that the history is of, and those of the city. */
  stations: whole,
  city_stations: whole,
  days: whole,
  days_done: whole,
  from_utc: text,
  until_utc: text,
  /** What training is at, and its share of the whole, 0..1. */
  stage: text.nullable(),
  share: z.number(),
  started_utc: text,
  finished_utc: text.nullable(),
  /** Of the training run. */
  run_id: text.nullable(),
  version: text.nullable(),
  effective_from: text.nullable(),
  /** Why there is no new model: of the gate, a guard or a failure. */
  reason: text.nullable(),
})
export type FirstMinutesRecord = z.infer<typeof firstMinutesSchema>

function firstMinutesPath(system: string): string {
  return `${system}/runs/first-minutes.json`
}

/** Null when there is none, or it cannot be read. */
export function readFirstMinutes(
  objects: Pick<ObjectStore, 'get'>,
  system: string,
): Promise<FirstMinutesRecord | null> {
  return readDocument(objects, firstMinutesPath(system), firstMinutesSchema)
}

export async function writeFirstMinutes(
  objects: Pick<ObjectStore, 'put'>,
  record: FirstMinutesRecord,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
  await objects.put(firstMinutesPath(record.system), bytes, { contentType: 'application/json' })
}
