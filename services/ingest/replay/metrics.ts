import { Counter, Gauge, type Registry } from 'prom-client'

/** What a replay counts; one set a registry. */
export interface ReplayMetrics {
  polls: Counter<'system'>
  rows: Counter<'system'>
  skipped: Counter<'system' | 'reason'>
  waits: Counter<'system' | 'group'>
  position: Gauge<'system'>
  total: Gauge<'system'>
  eventTime: Gauge<'system'>
}

const known = new WeakMap<Registry, ReplayMetrics>()

export function replayMetrics(registry: Registry): ReplayMetrics {
  const existing = known.get(registry)
  if (existing !== undefined) return existing
  const registers = [registry]
  const labelNames = ['system'] as const
  const metrics: ReplayMetrics = {
    polls: new Counter({
      name: 'velocast_replay_polls_total',
      help: 'Polls replayed',
      labelNames,
      registers,
    }),
    rows: new Counter({ name: 'velocast_replay_rows_total', help: 'Rows replayed', labelNames, registers }),
    skipped: new Counter({
      name: 'velocast_replay_skipped_files_total',
      help: 'Files of the recording that gave no poll, by reason',
      labelNames: ['system', 'reason'],
      registers,
    }),
    waits: new Counter({
      name: 'velocast_replay_waits_total',
      help: 'Times that the replay waited for a group that was 20 bins behind',
      labelNames: ['system', 'group'],
      registers,
    }),
    position: new Gauge({
      name: 'velocast_replay_position_polls',
      help: 'Place in the recording',
      labelNames,
      registers,
    }),
    total: new Gauge({
      name: 'velocast_replay_total_polls',
      help: 'Polls of the recording',
      labelNames,
      registers,
    }),
    eventTime: new Gauge({
      name: 'velocast_replay_event_time_seconds',
      help: 'Event time of the last poll, epoch seconds',
      labelNames,
      registers,
    }),
  }
  known.set(registry, metrics)
  return metrics
}
