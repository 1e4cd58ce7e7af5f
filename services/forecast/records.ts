import type { Forecast } from '../domain/forecast.ts'
import { stationKey } from '../domain/station.ts'
import type { Codec } from '../platform/event-log/codec.ts'
import type { OutgoingRecord } from '../platform/event-log/port.ts'
import { TOPICS } from '../platform/topics.ts'
import { childTraceparent } from '../platform/trace.ts'

const FORECAST_TYPE = 'velocast.forecast.v1'

/** One update's forecasts as records: CloudEvents in binary mode, in the trace of their poll (`parent`). */
export function forecastRecords({
  codec,
  forecasts,
  parent,
}: {
  codec: Pick<Codec, 'encode'>
  forecasts: readonly Forecast[]
  parent: string | null
}): OutgoingRecord[] {
  return forecasts.map((forecast) => {
    const { system, station_id, poll_id, tbin_utc } = forecast
    const trace = childTraceparent(parent, `forecast/${system}/${poll_id}`)
    return {
      partitionKey: system,
      key: stationKey(system, station_id),
      value: codec.encode(TOPICS.forecasts, 'Forecast', forecast),
      headers: {
        ce_specversion: '1.0',
        ce_id: `${poll_id}/${tbin_utc}/${station_id}`,
        ce_source: `velocast/forecast/${system}`,
        ce_type: FORECAST_TYPE,
        ce_time: new Date(forecast.ts_utc).toISOString(),
        'content-type': 'application/avro',
        ...(trace === null ? {} : { traceparent: trace }),
      },
    }
  })
}
