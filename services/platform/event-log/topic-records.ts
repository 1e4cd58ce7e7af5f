import { TOPICS } from '../topics.ts'
import type { RecordName } from './codec.ts'

/** The records that each topic carries. Dead letters keep the bytes of where they came from and have none of their own. */
export const TOPIC_RECORDS: Readonly<Record<string, readonly RecordName[]>> = {
  [TOPICS.status]: ['StationObservation', 'PollRecord'],
  [TOPICS.information]: ['StationInformation'],
  [TOPICS.weather]: ['WeatherReport'],
  [TOPICS.windowUpdates]: ['WindowUpdate'],
  [TOPICS.forecasts]: ['Forecast'],
  [TOPICS.monitoring]: ['MonitoringEvent'],
}

/** Namespace of every record. */
export const NAMESPACE = 'velocast'

/** TopicRecordNameStrategy: one subject for each record of each topic. */
export function subjectOf(topic: string, name: RecordName): string {
  return `${topic}-${NAMESPACE}.${name}`
}
