import type { Forecast } from '../../domain/forecast.ts'
import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'
import type { StationInformation } from '../../domain/station.ts'
import type { WeatherReport } from '../../domain/weather.ts'
import type { WindowUpdate } from '../../domain/window.ts'
import type { VelocastError } from '../errors.ts'

/** "Artefact of window W published". Record `MonitoringEvent`, key system/artefact. Times are epoch ms. */
interface MonitoringEvent {
  system: string
  /** Path of the artefact below the system's root. */
  artefact: string
  window_start_utc: number
  window_end_utc: number
  /** SHA-256 of the artefact's bytes, hex. */
  sha256: string
}

/** Avro record name → what it decodes to. The name is the last part of the schema's full name. */
export interface RecordTypes {
  StationObservation: Observation
  PollRecord: PollRecord
  StationInformation: StationInformation
  WeatherReport: WeatherReport
  WindowUpdate: WindowUpdate
  Forecast: Forecast
  MonitoringEvent: MonitoringEvent
}
export type RecordName = keyof RecordTypes

export type Decoded = { [Name in RecordName]: { name: Name; value: RecordTypes[Name] } }[RecordName]

/**
 * Avro in Confluent framing: byte 0, schema id as big-endian uint32, Avro binary.
 * Subjects follow TopicRecordNameStrategy: `<topic>-<full record name>`.
 */
export interface Codec {
  /**
   * Registers every schema of schemas/avro for its topics with FULL_TRANSITIVE compatibility, before anything else.
   * Throws `schema_incompatible` (with the subject and the registry's words) or `registry_unreachable`.
   */
  register(): Promise<void>
  /** Synchronous once registered. Throws `record_invalid` with the path and value that do not fit. */
  encode<Name extends RecordName>(topic: string, name: Name, value: RecordTypes[Name]): Buffer
  /**
   * Decodes in order. An entry is the record, or the error that sends it to the dead letters: `record_null_value`,
   * `record_corrupt`, `schema_unknown_id`. Only `registry_unreachable` is thrown: nothing is then known of the records.
   */
  decode(topic: string, values: (Buffer | null)[]): Promise<(Decoded | VelocastError)[]>
}
