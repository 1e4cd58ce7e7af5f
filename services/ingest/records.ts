import type { Observation } from '../domain/observation.ts'
import type { PollRecord } from '../domain/poll.ts'
import { type StationInformation, stationKey } from '../domain/station.ts'
import type { WeatherReport } from '../domain/weather.ts'
import type { Codec } from '../platform/event-log/codec.ts'
import type { OutgoingRecord } from '../platform/event-log/port.ts'
import { TOPICS } from '../platform/topics.ts'
import { traceparent } from './poll-identity.ts'

const CE_TYPES = {
  observation: 'velocast.station-observation.v1',
  poll: 'velocast.poll-record.v1',
  information: 'velocast.station-information.v1',
  weather: 'velocast.weather-report.v1',
} as const

/** Bytes kept of a refused station's JSON; real ones have some hundreds. */
const DEAD_LETTER_BYTES = 65_536
const MESSAGE_CHARACTERS = 1_000

/** CloudEvents 1.0, Kafka protocol binding, binary mode: the part that all records of one event time share. */
function cloudEvent(options: {
  system: string
  type: string
  utc: number
  trace: string
}): Record<string, string> {
  return {
    ce_specversion: '1.0',
    ce_source: `velocast/ingest/${options.system}`,
    ce_type: options.type,
    ce_time: new Date(options.utc).toISOString(),
    'content-type': 'application/avro',
    traceparent: options.trace,
  }
}

/** A poll for the status topic: its observations in order, then the record that ends it. */
export function pollRecords(options: {
  codec: Codec
  observations: readonly Observation[]
  poll: PollRecord
}): OutgoingRecord[] {
  const { codec, observations, poll } = options
  const { system, poll_id } = poll
  const trace = traceparent(system, poll_id)
  const utc = poll.ts_utc ?? poll.fetched_utc
  const shared = cloudEvent({ system, type: CE_TYPES.observation, utc, trace })
  const records: OutgoingRecord[] = observations.map((observation) => ({
    partitionKey: system,
    key: stationKey(system, observation.station_id),
    value: codec.encode(TOPICS.status, 'StationObservation', observation),
    headers: { ...shared, ce_id: `${poll_id}/${observation.station_id}` },
  }))
  records.push({
    partitionKey: system,
    key: system,
    value: codec.encode(TOPICS.status, 'PollRecord', poll),
    headers: { ...cloudEvent({ system, type: CE_TYPES.poll, utc, trace }), ce_id: poll_id },
  })
  return records
}

export function informationRecord(codec: Codec, station: StationInformation): OutgoingRecord {
  const { system, station_id, seen_utc } = station
  const id = `${station_id}/${seen_utc}`
  return {
    partitionKey: system,
    key: stationKey(system, station_id),
    value: codec.encode(TOPICS.information, 'StationInformation', station),
    headers: {
      ...cloudEvent({ system, type: CE_TYPES.information, utc: seen_utc, trace: traceparent(system, id) }),
      ce_id: id,
    },
  }
}

export function weatherRecord(codec: Codec, report: WeatherReport): OutgoingRecord {
  const { system, point, issued_utc } = report
  const id = `${point}/${issued_utc}`
  return {
    partitionKey: system,
    key: `${system}/${point}`,
    value: codec.encode(TOPICS.weather, 'WeatherReport', report),
    headers: {
      ...cloudEvent({ system, type: CE_TYPES.weather, utc: issued_utc, trace: traceparent(system, id) }),
      ce_id: id,
    },
  }
}

/** A station's row that is not published, and why. `code` is a refusal reason, or the error code of its whole poll. */
export interface RefusedRow {
  code: string
  station_id: string | null
  message: string
  /** The station as the feed gave it. */
  raw: unknown
}

/**
 * A refused row for the dead letters: its JSON as the feed gave it, the reason in `dl_code`. It never was in a
 * topic, so there is no `dl_partition` and no `dl_offset`; `dl_topic` names where it would have gone.
 */
export function refusedRowRecord(options: {
  system: string
  pollId: string
  row: RefusedRow
}): OutgoingRecord {
  const { system, pollId, row } = options
  const json = Buffer.from(JSON.stringify(row.raw) ?? 'null')
  return {
    partitionKey: system,
    key: row.station_id === null ? system : stationKey(system, row.station_id),
    value: json.subarray(0, DEAD_LETTER_BYTES),
    headers: {
      'content-type': 'application/json',
      dl_topic: TOPICS.status,
      dl_service: 'ingest',
      dl_code: row.code,
      dl_message: row.message.slice(0, MESSAGE_CHARACTERS),
      dl_attempts: '1',
      dl_poll_id: pollId,
    },
  }
}
