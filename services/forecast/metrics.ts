import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export interface ForecastMetrics {
  updates: Counter<'result'>
  forecasts: Counter
  /** no_observation, bikes_unknown, not_finite, withheld, window_overrun, no_model, model_failed. */
  without: Counter<'reason'>
  windowsMissing: Counter
  inference: Histogram<'horizon'>
  tick: Histogram
  newest: Gauge<'system'>
  skipped: Counter<'effect'>
}

export function createForecastMetrics(registry: Registry): ForecastMetrics {
  const registers = [registry]
  const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]
  return {
    updates: new Counter({
      name: 'velocast_forecast_updates_total',
      help: 'Window updates: fresh, stale, withheld, or refused because the window was overrun',
      labelNames: ['result'],
      registers,
    }),
    forecasts: new Counter({
      name: 'velocast_forecasts_total',
      help: 'Forecasts published, one a station and poll',
      registers,
    }),
    without: new Counter({
      name: 'velocast_forecast_missing_total',
      help: 'Stations (horizons of stations for not_finite, no_model and model_failed) without a forecast, by reason',
      labelNames: ['reason'],
      registers,
    }),
    windowsMissing: new Counter({
      name: 'velocast_forecast_windows_missing_total',
      help: 'Stations whose window was not in the store: their lags are unknown',
      registers,
    }),
    inference: new Histogram({
      name: 'velocast_forecast_inference_seconds',
      help: 'One ONNX batch',
      labelNames: ['horizon'],
      buckets,
      registers,
    }),
    tick: new Histogram({
      name: 'velocast_forecast_tick_seconds',
      help: 'One window update: read, compute and publish',
      buckets,
      registers,
    }),
    newest: new Gauge({
      name: 'velocast_forecast_newest_bin_seconds',
      help: 'Newest bin forecast from, seconds since 1970',
      labelNames: ['system'],
      registers,
    }),
    skipped: new Counter({
      name: 'velocast_forecast_older_skipped_total',
      help: 'Look-ups and serving files left alone because newer ones were there',
      labelNames: ['effect'],
      registers,
    }),
  }
}
