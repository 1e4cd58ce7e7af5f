import { Gauge } from 'prom-client'
import type { Platform } from '../service.ts'

const NAME = 'velocast_consumer_lag_records'
const groups = new WeakMap<Gauge, Map<string, string[]>>()

/**
 * Exposes `velocast_consumer_lag_records{group,topic}`: records that a group has not committed, over all partitions,
 * asked of the log at each scrape. While the log does not answer the last value stands.
 */
export function exposeLag({
  log,
  metrics,
  group,
  topics,
}: Pick<Platform, 'log' | 'metrics'> & { group: string; topics: string[] }): void {
  const existing = metrics.getSingleMetric(NAME)
  const gauge = existing instanceof Gauge ? existing : createGauge({ log, metrics })
  groups.get(gauge)?.set(group, topics)
}

function createGauge({ log, metrics }: Pick<Platform, 'log' | 'metrics'>): Gauge {
  const watched = new Map<string, string[]>()
  const gauge = new Gauge({
    name: NAME,
    help: 'Records that the group has not committed',
    labelNames: ['group', 'topic'],
    registers: [metrics],
    async collect() {
      for (const [group, topics] of watched) {
        const lags = await log.lag(group, topics).catch(() => [])
        for (const topic of topics) {
          const own = lags.filter((lag) => lag.topic === topic)
          if (own.length === 0) continue
          this.set(
            { group, topic },
            own.reduce((sum, { committed, end }) => sum + end - (committed ?? 0), 0),
          )
        }
      }
    },
  })
  groups.set(gauge, watched)
  return gauge
}
