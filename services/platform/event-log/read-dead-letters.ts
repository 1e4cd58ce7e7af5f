import { TOPICS } from '../topics.ts'
import type { EventLog, LogRecord, Position } from './port.ts'

/** A dead letter as it stands in `bikeshare.dead-letters.v1`, without its value. */
export interface StoredLetter {
  /** Where it stands in the dead letters: names it for people. */
  partition: number
  offset: number
  /** When it was refused: append time, epoch ms. */
  appended_utc: number
  /** Of the original record, empty for one without a key. */
  key: string
  /** What the key begins with: the system, where the record is one of ours. */
  system: string
  /** Size of the original value; null for a record without one. */
  bytes: number | null
  /** True when only the beginning of the value was kept. */
  cut: boolean
  service: string
  code: string
  message: string
  /** Where the original stood; null for a letter that does not say so. */
  origin: Position | null
  /** True when its original was published again. */
  replayed: boolean
}

export interface DeadLetterFilter {
  system?: string
  code?: string
  service?: string
  /** Refused at or after, and before: epoch ms. */
  sinceUtc?: number
  untilUtc?: number
  partition?: number
  offset?: number
}

/** A transient reader's: no consumer group is touched. */
const GROUP = 'velocast-dead-letters'

/**
 * Every dead letter that fits the filter, oldest first. Reads what the topic holds now and ends.
 * Holds no values: about a kilobyte a letter. Throws `log_topic_missing` before the first `velocast topics`.
 */
export async function readDeadLetters({
  log,
  filter = {},
}: {
  log: EventLog
  filter?: DeadLetterFilter
}): Promise<StoredLetter[]> {
  const letters: StoredLetter[] = []
  const replayed = new Set<string>()
  await scan(log, filter.sinceUtc ?? 0, (record) => {
    const letter = letterOf(record)
    if (record.headers.dl_replayed !== undefined) replayed.add(originName(letter))
    else if (fits(letter, filter)) letters.push(letter)
  })
  for (const letter of letters) {
    letter.replayed = letter.origin !== null && replayed.has(originName(letter))
  }
  return letters.sort(
    (a, b) => a.appended_utc - b.appended_utc || a.partition - b.partition || a.offset - b.offset,
  )
}

/** The records of these letters, in the same order; undefined for one that retention has deleted meanwhile. */
export async function readLetterRecords(
  log: EventLog,
  letters: readonly StoredLetter[],
): Promise<(LogRecord | undefined)[]> {
  const name = ({ partition, offset }: { partition: number; offset: number }) => `${partition}/${offset}`
  const wanted = new Map<string, LogRecord | undefined>(letters.map((letter) => [name(letter), undefined]))
  await scan(log, Math.min(...letters.map((letter) => letter.appended_utc)), (record) => {
    if (wanted.has(name(record))) wanted.set(name(record), record)
  })
  return letters.map((letter) => wanted.get(name(letter)))
}

/** Headers of the original record. */
export function originalHeaders({ headers }: LogRecord): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('dl_')))
}

/** Hands out what was appended at or after `sinceUtc`, up to the ends of this moment, each partition in its order. */
async function scan(log: EventLog, sinceUtc: number, take: (record: LogRecord) => void): Promise<void> {
  const topic = TOPICS.deadLetters
  const ends = new Map((await log.lag(GROUP, [topic])).map(({ partition, end }) => [partition, end]))
  const next = new Map((await log.offsetsAt(topic, sinceUtc)).map((start) => [start.partition, start]))
  const endOf = (partition: number): number => ends.get(partition) ?? 0
  const isOver = (): boolean =>
    [...next.values()].every(({ partition, offset }) => offset >= endOf(partition))
  if (isOver()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const subscription = await log.subscribe({
    group: GROUP,
    transient: true,
    topics: [topic],
    assigned: async () => [...next.values()],
    async batch({ partition, records }) {
      const position = next.get(partition)
      if (position === undefined) return
      for (const record of records) {
        if (record.offset >= position.offset && record.offset < endOf(partition)) take(record)
      }
      position.offset = Math.max(position.offset, records.at(-1)!.offset + 1)
      if (isOver()) resolve()
    },
    failed: reject,
  })
  await promise.finally(() => subscription.close())
}

function letterOf({ partition, offset, appended, key, value, headers }: LogRecord): StoredLetter {
  const { dl_topic, dl_partition, dl_offset, dl_value_bytes } = headers
  return {
    partition,
    offset,
    appended_utc: appended,
    key: key ?? '',
    system: (key ?? '').split('/')[0] ?? '',
    bytes: dl_value_bytes === undefined ? (value?.length ?? null) : Number(dl_value_bytes),
    cut: dl_value_bytes !== undefined,
    service: headers.dl_service ?? '',
    code: headers.dl_code ?? '',
    message: headers.dl_message ?? '',
    origin:
      dl_topic === undefined || dl_partition === undefined || dl_offset === undefined
        ? null
        : { topic: dl_topic, partition: Number(dl_partition), offset: Number(dl_offset) },
    replayed: false,
  }
}

/** The same for every letter of one original record: services that read the same topic refuse it each for itself. */
export function originName({ origin }: StoredLetter): string {
  return origin === null ? '' : `${origin.topic}/${origin.partition}/${origin.offset}`
}

function fits(letter: StoredLetter, filter: DeadLetterFilter): boolean {
  const { sinceUtc = 0, untilUtc = Number.POSITIVE_INFINITY, ...exact } = filter
  return (
    letter.appended_utc >= sinceUtc &&
    letter.appended_utc < untilUtc &&
    (['system', 'code', 'service', 'partition', 'offset'] as const).every(
      (name) => exact[name] === undefined || exact[name] === letter[name],
    )
  )
}
