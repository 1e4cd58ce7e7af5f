import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export interface WindowsMetrics {
  polls: Counter<'outcome'>
  tick: Histogram
  restored: Counter
  unfit: Counter
  reclaimed: Counter
  rebuilt: Counter
  recalled: Counter
  newest: Gauge<'system'>
  stations: Gauge<'system'>
}

export function createWindowsMetrics(registry: Registry): WindowsMetrics {
  const registers = [registry]
  return {
    polls: new Counter({
      name: 'velocast_windows_polls_total',
      help: 'Polls whose window update was published',
      labelNames: ['outcome'],
      registers,
    }),
    tick: new Histogram({
      name: 'velocast_windows_tick_seconds',
      help: 'One poll: merge, store, update and commit',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
    restored: new Counter({
      name: 'velocast_windows_restored_stations_total',
      help: 'Stations whose whole window was written: new, changed facts, or lost by the store',
      registers,
    }),
    unfit: new Counter({
      name: 'velocast_windows_unfit_observations_total',
      help: 'Observations whose event time no slot can hold',
      registers,
    }),
    reclaimed: new Counter({
      name: 'velocast_windows_reclaimed_total',
      help: 'Systems claimed again because the store knew a later owner',
      registers,
    }),
    rebuilt: new Counter({
      name: 'velocast_windows_rebuilt_partitions_total',
      help: 'Partitions read again from further back because a system had no windows in the store',
      registers,
    }),
    recalled: new Counter({
      name: 'velocast_windows_recalled_rows_total',
      help: 'Rows of Parquet that windows were filled from because neither the store nor the log had them',
      registers,
    }),
    newest: new Gauge({
      name: 'velocast_windows_newest_bin_seconds',
      help: 'Newest bin T, seconds since 1970',
      labelNames: ['system'],
      registers,
    }),
    stations: new Gauge({
      name: 'velocast_windows_stations',
      help: 'Stations whose windows are kept',
      labelNames: ['system'],
      registers,
    }),
  }
}
