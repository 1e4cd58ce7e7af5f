import { DAY_MS } from '../../domain/bin.ts'
import type { Observation } from '../../domain/observation.ts'
import { POLL_OUTCOMES, type PollRecord } from '../../domain/poll.ts'
import { stationKey } from '../../domain/station.ts'
import { SLOT_BYTES, type WindowUpdate } from '../../domain/window.ts'
import { VelocastError } from '../errors.ts'
import type { Decoded } from './codec.ts'
import type { LogRecord } from './port.ts'

/** System ids become parts of keys and object paths, so nothing else may reach a service. */
const SYSTEM_ID = /^[a-z0-9][a-z0-9-]{0,62}$/
const COUNTS = ['bikes', 'docks', 'mechanical', 'ebike', 'bikes_disabled', 'docks_disabled'] as const
/** Furthest that a Date reaches from 1970, ms. */
const DATE_LIMIT = 8.64e15

/**
 * The error that sends a decoded record to the dead letters (`record_wrong_key`, `record_invalid`), null when it is
 * sound: its key says what it holds, its times exist and are not a day ahead of their fetch, its counts and lengths agree.
 */
export function checkRecord(record: LogRecord, decoded: Decoded): VelocastError | null {
  const expected = recordKey(decoded)
  if (record.key !== expected) {
    return new VelocastError({
      code: 'record_wrong_key',
      message: `key of a ${decoded.name} must be ${expected}, got ${record.key ?? 'null'}`,
    })
  }
  const fault = findFault(decoded)
  if (fault === null) return null
  return new VelocastError({ code: 'record_invalid', message: `${decoded.name} of ${expected}: ${fault}` })
}

/** Key under which a record is published. */
export function recordKey(decoded: Decoded): string {
  const { name, value } = decoded
  switch (name) {
    case 'StationObservation':
    case 'StationInformation':
    case 'Forecast':
      return stationKey(value.system, value.station_id)
    case 'PollRecord':
    case 'WindowUpdate':
      return value.system
    case 'WeatherReport':
      return `${value.system}/${value.point}`
    case 'MonitoringEvent':
      return `${value.system}/${value.artefact}`
  }
}

function findFault({ name, value }: Decoded): string | null {
  if (!SYSTEM_ID.test(value.system)) {
    return `system must be lower-case letters, digits and hyphens, got ${value.system}`
  }
  switch (name) {
    case 'StationObservation':
      return observationFault(value)
    case 'PollRecord':
      return pollFault(value)
    case 'WindowUpdate':
      return windowUpdateFault(value)
    case 'Forecast':
    case 'StationInformation':
      return value.station_id === '' ? 'station_id must not be empty' : null
    default:
      return null
  }
}

function observationFault(value: Observation): string | null {
  if (value.station_id === '') return 'station_id must not be empty'
  if (value.poll_index < 0 || value.poll_index >= value.poll_count) {
    return `poll_index must be below poll_count ${value.poll_count}, got ${value.poll_index}`
  }
  for (const field of COUNTS) {
    const count = value[field]
    if (count !== null && count < 0) return `${field} must not be negative, got ${count}`
  }
  return timeFault(value.ts_utc, value.fetched_utc)
}

function pollFault(value: PollRecord): string | null {
  if (!POLL_OUTCOMES.includes(value.outcome)) {
    return `outcome must be one of ${POLL_OUTCOMES.join(', ')}, got ${value.outcome}`
  }
  if (value.rows < 0) return `rows must not be negative, got ${value.rows}`
  return timeFault(value.ts_utc ?? value.fetched_utc, value.fetched_utc)
}

function windowUpdateFault(value: WindowUpdate): string | null {
  const stations = value.station_ids.length
  if (value.slots.length !== stations * SLOT_BYTES) {
    return `slots must have ${stations * SLOT_BYTES} bytes for ${stations} stations, got ${value.slots.length}`
  }
  for (const field of ['names', 'lats', 'lons'] as const) {
    if (value[field].length !== stations) {
      return `${field} must have ${stations} entries, got ${value[field].length}`
    }
  }
  // A poll that comes late has its own fetch time and the newest bin: that may be days after it.
  return unreal({ ts_utc: value.ts_utc, fetched_utc: value.fetched_utc, tbin_utc: value.tbin_utc })
}

function unreal(times: Record<string, number>): string | null {
  const wrong = Object.entries(times).find(([, time]) => Math.abs(time) > DATE_LIMIT)
  return wrong === undefined ? null : `${wrong[0]} must be a time that exists, got ${wrong[1]}`
}

function timeFault(ts: number, fetched: number): string | null {
  if (Math.abs(ts) > DATE_LIMIT || Math.abs(fetched) > DATE_LIMIT) {
    return unreal({ ts_utc: ts, fetched_utc: fetched })
  }
  return ts > fetched + DAY_MS ? `ts_utc must be at most a day after fetched_utc ${fetched}, got ${ts}` : null
}
