import type { TopicSpec } from './event-log/port.ts'

export const TOPICS = {
  status: 'bikeshare.station-status.v1',
  information: 'bikeshare.station-information.v1',
  weather: 'bikeshare.weather.v1',
  windowUpdates: 'bikeshare.window-updates.v1',
  forecasts: 'bikeshare.forecasts.v1',
  monitoring: 'bikeshare.monitoring.v1',
  deadLetters: 'bikeshare.dead-letters.v1',
} as const
type TopicName = (typeof TOPICS)[keyof typeof TOPICS]

const HOURS = 3_600_000
const MEGABYTE = 1_048_576

/**
 * Topics as `velocast topics` and every start create them. Retention goes by append time. 72 h of status outlive a
 * weekend's outage of the sink; a window update holds a whole city (100,000 stations are about 12 MB).
 */
export function topicSpecs({ partitions }: { partitions: number }): TopicSpec[] {
  const spec = (
    name: TopicName,
    retentionHours: number | null,
    more: Partial<TopicSpec> = {},
  ): TopicSpec => ({
    name,
    partitions,
    retentionMs: retentionHours === null ? null : retentionHours * HOURS,
    compacted: false,
    maxBytes: 2 * MEGABYTE,
    ...more,
  })
  return [
    spec(TOPICS.status, 72),
    spec(TOPICS.information, null, { compacted: true }),
    spec(TOPICS.weather, 72),
    spec(TOPICS.windowUpdates, 12, { maxBytes: 32 * MEGABYTE }),
    spec(TOPICS.forecasts, 24),
    spec(TOPICS.monitoring, 24 * 7),
    spec(TOPICS.deadLetters, 24 * 14),
  ]
}

/** Consumer groups: one a service, and one for the forecasts of record, which the sink keeps. */
export const GROUPS = {
  windows: 'velocast-windows',
  forecast: 'velocast-forecast',
  sink: 'velocast-sink',
  sinkForecasts: 'velocast-sink-forecasts',
  monitor: 'velocast-monitor',
} as const
