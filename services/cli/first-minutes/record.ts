import { DAY_MS } from '../../domain/bin.ts'
import type { FirstMinutesRecord } from '../../platform/run-ledger/first-minutes.ts'
import type { TrainingRun } from '../../train/run-record.ts'
import type { HistoryPlan } from './simulated-history.ts'

export function beginning({
  system,
  plan,
  now,
}: {
  system: string
  plan: HistoryPlan
  now: number
}): FirstMinutesRecord {
  const { city, sample, from, until } = plan
  return {
    system,
    simulated: true,
    seed: city.seed,
    state: 'history',
    stations: Math.min(sample, city.stations),
    city_stations: city.stations,
    days: Math.round((until - from) / DAY_MS),
    days_done: 0,
    from_utc: new Date(from).toISOString(),
    until_utc: new Date(until).toISOString(),
    stage: null,
    share: 0,
    started_utc: new Date(now).toISOString(),
    finished_utc: null,
    run_id: null,
    version: null,
    effective_from: null,
    reason: null,
  }
}

/** The record once its training run has ended, or something failed on the way. */
export function endOf(
  record: FirstMinutesRecord,
  end: { now: number } & ({ run: Pick<TrainingRun, 'status' | 'reason' | 'outputs'> } | { failed: string }),
): FirstMinutesRecord {
  const ended = { ...record, stage: null, finished_utc: new Date(end.now).toISOString() }
  if ('failed' in end) return { ...ended, state: 'failed', run_id: null, reason: end.failed }
  const { status, reason, outputs } = end.run
  if (status === 'succeeded') {
    const { version = null, effective_from = null } = outputs ?? {}
    return { ...ended, state: 'promoted', share: 1, version, effective_from }
  }
  const message = reason === null ? status : `${reason.code}: ${reason.message}`
  if (status === 'aborted') return { ...ended, state: 'refused', reason: message }
  return { ...ended, state: 'failed', run_id: null, reason: message }
}

/** Whether a record is of another city than the plan's: its stations are not these. */
export function isOfAnother(
  { seed, city_stations }: Pick<FirstMinutesRecord, 'seed' | 'city_stations'>,
  { city }: Pick<HistoryPlan, 'city'>,
): boolean {
  return seed !== city.seed || city_stations !== city.stations
}
