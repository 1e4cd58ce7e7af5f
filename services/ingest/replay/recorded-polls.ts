import type { StationDescription } from '../../domain/gbfs/information.ts'
import type { WeatherReport } from '../../domain/weather.ts'
import { VelocastError } from '../../platform/errors.ts'
import type { PollAnswer } from '../poll-answer.ts'
import type { RecordingFile } from './recording-file.ts'
import type { Skipped } from './skipped.ts'

const RECORDING_FORMATS = ['auto', 'gbfs', 'opendatasoft', 'parquet'] as const
export type RecordingFormat = (typeof RECORDING_FORMATS)[number]

export interface RecordingOptions {
  /** A file or a directory (deep): .json, .json.gz, .zip, .parquet. */
  from: string
  /** Station information: a file or a directory of .json, .json.gz, .zip, or a .csv with a header. */
  information?: string
  system: string
  /** Default auto: by name and content; JSON is taken before Parquet where both are. */
  format?: RecordingFormat
  /** Zone of times in names that state none: UTC, +09:00 or IANA; told from the files when absent. */
  nameTimezone?: string
  /** Unit of the Parquet column wind_mps: `ms` keeps it as recorded (default), `kmh` converts it. */
  windUnit?: 'ms' | 'kmh'
}

/** What is known of the stations from a poll on; the same object until something changes. */
export interface ReplayInformation {
  stations: StationDescription[]
  /** Epoch ms. */
  seen_utc: number
}

/** One recorded poll with all that it is published with. */
export interface ReplayPoll {
  answer: Extract<PollAnswer, { kind: 'status' }>
  information: ReplayInformation | null
  /** The same object until a newer one holds; null when nothing was recorded. */
  weather: WeatherReport | null
  /** File, member or row time, for people. */
  origin: string
  /** Place in the recording, from 0: gaps are polls that could not be read. */
  position: number
}

/** Where to begin, and what was known of the stations there (a capacity may be recorded once and hold on). */
export interface PollsFrom {
  position?: number
  stations?: readonly StationDescription[]
}

/** A recording, opened: indexed by time, not yet read. */
export interface Recording {
  format: 'json' | 'parquet'
  /** Polls in the index; a few fewer come when files can't be read. */
  total: number
  /** Time of the first and last poll of the index, epoch ms. */
  first_utc: number
  last_utc: number
  /** Hash of what the recording consists of: names, sizes, times. */
  key: string
  skipped: Skipped
  /**
   * Polls from `position` on, in the order of their fetch time (else their published time). Reads one ahead: at most
   * two polls are in memory. Throws `replay_empty` when none of the index could be read.
   */
  polls(options?: PollsFrom): AsyncIterable<ReplayPoll>
  close(): Promise<void>
}

/** What both kinds of recording are opened from. */
export interface OpeningOptions extends RecordingOptions {
  files: RecordingFile[]
  informationFiles: RecordingFile[]
  skipped: Skipped
}

export function emptyRecording({
  from,
  format = 'auto',
  skipped,
}: {
  from: string
  format?: RecordingFormat
  skipped: Skipped
}): VelocastError {
  const sought =
    format === 'parquet'
      ? 'Parquet with ts_utc, station_id and bikes'
      : 'station_status as .json, .json.gz or in .zip, an Opendatasoft export, or Parquet with ts_utc, station_id and bikes'
  return new VelocastError({
    code: 'replay_empty',
    message: `recording holds no poll: looked for ${sought} (left out: ${skipped}), got ${from}`,
    data: { skipped: skipped.counts, examples: skipped.examples },
  })
}

/** Runs one step ahead of its reader: the next poll is read while this one is published. */
export async function* readAhead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]()
  let next = iterator.next()
  try {
    for (;;) {
      const result = await next
      if (result.done === true) return
      next = iterator.next()
      next.catch(() => undefined)
      yield result.value
    }
  } finally {
    await next.catch(() => undefined)
    await iterator.return?.()
  }
}
