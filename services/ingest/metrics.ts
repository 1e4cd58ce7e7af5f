import { Counter, Histogram, type Registry } from 'prom-client'

/** What ingest counts; one set a registry, shared by every system's pipeline. No station id is ever a label. */
export interface IngestMetrics {
  polls: Counter<'system' | 'outcome' | 'reason'>
  observations: Counter<'system'>
  refused: Counter<'system' | 'reason'>
  eventTime: Counter<'system' | 'source'>
  weather: Counter<'system' | 'outcome'>
  requestSeconds: Histogram<'system'>
  handleSeconds: Histogram<'system'>
  deadLetters: Counter<'service' | 'code'>
}

const known = new WeakMap<Registry, IngestMetrics>()

export function ingestMetrics(registry: Registry): IngestMetrics {
  const existing = known.get(registry)
  if (existing !== undefined) return existing
  const registers = [registry]
  const metrics: IngestMetrics = {
    polls: new Counter({
      name: 'velocast_ingest_polls_total',
      help: 'Polls by outcome, and by error code where they failed or were refused',
      labelNames: ['system', 'outcome', 'reason'],
      registers,
    }),
    observations: new Counter({
      name: 'velocast_ingest_observations_total',
      help: 'Observations published',
      labelNames: ['system'],
      registers,
    }),
    refused: new Counter({
      name: 'velocast_ingest_stations_refused_total',
      help: 'Stations of an answer that were refused, by reason',
      labelNames: ['system', 'reason'],
      registers,
    }),
    eventTime: new Counter({
      name: 'velocast_ingest_event_time_total',
      help: 'Polls by where their event time came from',
      labelNames: ['system', 'source'],
      registers,
    }),
    weather: new Counter({
      name: 'velocast_ingest_weather_total',
      help: 'Weather requests by outcome: ok or an error code',
      labelNames: ['system', 'outcome'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'velocast_ingest_request_seconds',
      help: 'Time that status requests took, retries included',
      labelNames: ['system'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60],
      registers,
    }),
    handleSeconds: new Histogram({
      name: 'velocast_ingest_handle_seconds',
      help: 'Time from a normalised answer to its records being durable',
      labelNames: ['system'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    deadLetters: deadLetterCounter(registry),
  }
  known.set(registry, metrics)
  return metrics
}

/** The counter that every service shares. */
function deadLetterCounter(registry: Registry): Counter<'service' | 'code'> {
  const name = 'velocast_dead_letters_total'
  const existing = registry.getSingleMetric(name)
  if (existing !== undefined) return existing as Counter<'service' | 'code'>
  return new Counter({
    name,
    help: 'Records refused and published to the dead-letter topic',
    labelNames: ['service', 'code'],
    registers: [registry],
  })
}
