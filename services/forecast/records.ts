import type { Forecast, ForecastInputs } from '../domain/forecast.ts'
import { stationKey } from '../domain/station.ts'
import type { Codec } from '../platform/event-log/codec.ts'
import type { OutgoingRecord } from '../platform/event-log/port.ts'
import { TOPICS } from '../platform/topics.ts'
import { childTraceparent } from '../platform/trace.ts'

const FORECAST_TYPE = 'velocast.forecast.v1'

/** The forecasts of one update, all of one system and poll, as records: CloudEvents in binary mode, in the trace of their poll (`parent`). */
export function forecastRecords({
  codec,
  forecasts,
  inputs,
  parent,
}: {
  codec: Pick<Codec, 'encode'>
  forecasts: readonly Forecast[]
  /** Station → what its models were given, for those that carry it. */
  inputs: ReadonlyMap<string, ForecastInputs[]>
  parent: string | null
}): OutgoingRecord[] {
  const [first] = forecasts
  if (first === undefined) return []
  const { system, poll_id, tbin_utc } = first
  const trace = childTraceparent(parent, `forecast/${system}/${poll_id}`)
  const shared = {
    ce_specversion: '1.0',
    ce_source: `velocast/forecast/${system}`,
    ce_type: FORECAST_TYPE,
    'content-type': 'application/avro',
    ...(trace === null ? {} : { traceparent: trace }),
  }
  const times = new Map<number, string>()
  return forecasts.map((forecast) => {
    const { station_id, ts_utc } = forecast
    const time = times.get(ts_utc) ?? new Date(ts_utc).toISOString()
    times.set(ts_utc, time)
    return {
      partitionKey: system,
      key: stationKey(system, station_id),
      value: codec.encode(TOPICS.forecasts, 'Forecast', {
        ...forecast,
        inputs: inputs.get(station_id) ?? null,
      }),
      headers: { ...shared, ce_id: `${poll_id}/${tbin_utc}/${station_id}`, ce_time: time },
    }
  })
}
