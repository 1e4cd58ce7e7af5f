import { Counter, Gauge, type Registry } from 'prom-client'

export interface SinkMetrics {
  parts: Counter<'system' | 'kind'>
  rows: Counter<'system' | 'kind'>
  lateRows: Counter<'system'>
  repeatedForecasts: Counter<'system'>
  openBins: Gauge<'partition'>
  failures: Counter<'code'>
  compactions: Counter<'system' | 'job' | 'outcome'>
  unreadableParts: Gauge<'system'>
}

/** The sink's metrics, on the platform's registry. */
export function createSinkMetrics(registry: Registry): SinkMetrics {
  const registers = [registry]
  return {
    parts: new Counter({
      name: 'velocast_sink_parts_total',
      help: 'Parquet parts made durable',
      labelNames: ['system', 'kind'],
      registers,
    }),
    rows: new Counter({
      name: 'velocast_sink_rows_total',
      help: 'Rows of Parquet parts made durable',
      labelNames: ['system', 'kind'],
      registers,
    }),
    lateRows: new Counter({
      name: 'velocast_sink_late_rows_total',
      help: 'Observations that came after their bin was closed',
      labelNames: ['system'],
      registers,
    }),
    repeatedForecasts: new Counter({
      name: 'velocast_sink_repeated_forecasts_total',
      help: 'Forecasts that came again after their bin had its forecasts of record',
      labelNames: ['system'],
      registers,
    }),
    openBins: new Gauge({
      name: 'velocast_sink_open_bins',
      help: 'Bins held in memory',
      labelNames: ['partition'],
      registers,
    }),
    failures: new Counter({
      name: 'velocast_sink_failures_total',
      help: 'Failed steps of the commit protocol, by error code; retryable ones are tried again',
      labelNames: ['code'],
      registers,
    }),
    compactions: new Counter({
      name: 'velocast_sink_jobs_total',
      help: 'Compactions and exports, by outcome',
      labelNames: ['system', 'job', 'outcome'],
      registers,
    }),
    unreadableParts: new Gauge({
      name: 'velocast_sink_unreadable_parts',
      help: 'Bronze parts that could not be read in the last compaction and are kept',
      labelNames: ['system'],
      registers,
    }),
  }
}
