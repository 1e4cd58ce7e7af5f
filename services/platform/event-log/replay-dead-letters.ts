import { VelocastError } from '../errors.ts'
import type { Platform } from '../service.ts'
import { TOPICS } from '../topics.ts'
import type { LogRecord, OutgoingRecord, Position } from './port.ts'
import {
  type DeadLetterFilter,
  originalHeaders,
  originName,
  readDeadLetters,
  readLetterRecords,
  type StoredLetter,
} from './read-dead-letters.ts'
import { checkRecord } from './record-check.ts'

export interface ReplayReport {
  dry_run: boolean
  /** Records published again; with `dry_run` those that would be. */
  published: number
  /** Records that were published by an earlier replay. */
  already_replayed: number
  /** Letters that every service would refuse again, and why. */
  still_refused: { partition: number; offset: number; code: string; message: string }[]
  /** Records that fit the filter and were left for another replay, because of `limit`. */
  left: number
}

/** Values held at once, bytes, beside one value. */
const HELD_BYTES = 64 * 1024 * 1024

/**
 * Publishes what dead letters hold to the topics that it came from: key, bytes and headers as they were, by the rule
 * that gives every record of a system one partition, in the order in which the originals stood.
 *
 * 1. Letters of one original (each service that read it wrote one) are one record. A record whose mark is in the dead
 *    letters was replayed before and is left out.
 * 2. What would be refused again is not published: it is decoded and checked as every service does.
 * 3. The record is published.
 * 4. Its mark is published to the dead letters: `dl_topic`, `dl_partition`, `dl_offset` of the original and
 *    `dl_replayed`, where it stands now; the same key, no value.
 * A stop between 3 and 4 publishes the record again with the next replay: effects are idempotent, so it counts once.
 *
 * Memory: 64 MiB of values, and about a kilobyte a letter. Throws what the log, or the registry, throws.
 */
export async function replayDeadLetters({
  platform,
  filter,
  limit,
  dryRun,
  onProgress,
}: {
  platform: Pick<Platform, 'log' | 'codec'>
  filter: DeadLetterFilter
  /** Most records that are published. */
  limit: number
  dryRun: boolean
  onProgress?: (done: number, total: number) => void
}): Promise<ReplayReport> {
  const { log } = platform
  const { due, alreadyReplayed } = recordsOf(await readDeadLetters({ log, filter }))
  const chosen = due.slice(0, limit)
  const report: ReplayReport = {
    dry_run: dryRun,
    published: 0,
    already_replayed: alreadyReplayed,
    still_refused: [],
    left: due.length - chosen.length,
  }
  let done = 0
  for (const letters of pieces(chosen)) {
    const records = await readLetterRecords(log, letters)
    const good: Good[] = []
    for (const [place, letter] of letters.entries()) {
      const verdict = await judge(platform, letter, records[place])
      if (verdict instanceof VelocastError) {
        const { partition, offset } = letter
        report.still_refused.push({ partition, offset, code: verdict.code, message: verdict.message })
      } else good.push(verdict)
    }
    if (!dryRun) await publish(platform, good)
    report.published += good.length
    done += letters.length
    onProgress?.(done, chosen.length)
  }
  return report
}

interface Good {
  origin: Position
  record: OutgoingRecord
}

/** One letter for each original record, in the order of the originals. */
function recordsOf(letters: StoredLetter[]): { due: StoredLetter[]; alreadyReplayed: number } {
  const unknown = letters.filter(({ origin }) => origin === null)
  const known = new Map(letters.filter(({ origin }) => origin !== null).map((one) => [originName(one), one]))
  const due = [...known.values()].filter(({ replayed }) => !replayed)
  return {
    due: [...due.sort((a, b) => byOrigin(a.origin!, b.origin!)), ...unknown],
    alreadyReplayed: known.size - due.length,
  }
}

function byOrigin(a: Position, b: Position): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition || a.offset - b.offset
}

/** Runs of letters whose values can be held at once. */
function* pieces(letters: StoredLetter[]): Generator<StoredLetter[]> {
  let piece: StoredLetter[] = []
  let held = 0
  for (const letter of letters) {
    const bytes = letter.bytes ?? 0
    if (piece.length > 0 && held + bytes > HELD_BYTES) {
      yield piece
      piece = []
      held = 0
    }
    piece.push(letter)
    held += bytes
  }
  if (piece.length > 0) yield piece
}

/** The record to publish, or why it would be refused again. */
async function judge(
  { codec }: Pick<Platform, 'codec'>,
  { origin, cut }: StoredLetter,
  stored: LogRecord | undefined,
): Promise<Good | VelocastError> {
  if (stored === undefined) return refusal('letter was deleted by retention while it was read')
  if (origin === null) return refusal('letter must say where its record stood, has no dl_topic')
  if (cut) return refusal('only the beginning of this value was kept, because whole it did not fit')
  const { value, key } = stored
  const [decoded] = await codec.decode(origin.topic, [value])
  if (decoded === undefined || decoded instanceof VelocastError) {
    return decoded ?? refusal('record cannot be decoded')
  }
  const fault = checkRecord({ ...stored, ...origin }, decoded)
  if (fault !== null) return fault
  const { system } = decoded.value
  return {
    origin,
    record: { partitionKey: system, key: key ?? '', value, headers: originalHeaders(stored) },
  }
}

function refusal(message: string): VelocastError {
  return new VelocastError({ code: 'record_invalid', message })
}

async function publish({ log }: Pick<Platform, 'log'>, records: Good[]): Promise<void> {
  for (const [topic, group] of Map.groupBy(records, ({ origin }) => origin.topic)) {
    const positions = await log.publish(
      topic,
      group.map(({ record }) => record),
    )
    await log.publish(
      TOPICS.deadLetters,
      group.map(({ origin, record: { key } }, place) => markOf(origin, key, positions[place]!)),
    )
  }
}

function markOf(origin: Position, key: string, now: Position): OutgoingRecord {
  return {
    partitionKey: key,
    key,
    value: null,
    headers: {
      dl_topic: origin.topic,
      dl_partition: String(origin.partition),
      dl_offset: String(origin.offset),
      dl_replayed: `${now.partition}/${now.offset}`,
    },
  }
}
