import {
  emptySums,
  mergeSums,
  type PerformanceState,
  type PerformanceSums,
  performance,
  readPerformanceKey,
} from '../../domain/aggregates/performance.ts'
import { localDayName, localHour } from '../../domain/calendar.ts'
import { type Skill, skillOf, sumsByHorizon } from '../../domain/forecasting/skill.ts'
import type { WindowSpan } from '../../domain/health.ts'
import { ARTEFACT_SCHEMA_VERSION } from '../artefact-parts.ts'
import type { Artefact } from '../artefact-schemas.ts'
import { windowPlan } from '../window-plan.ts'

/** Days that the skill of what is served is judged over, by the training's trigger and the page alike. */
export const SKILL_DAYS = 7

export interface PerformanceOptions {
  system: string
  timezone: string
  /** Targets before it are scored, epoch ms. */
  end: number
  windowDays: number
  /** Hour of the target (epoch ms) → aggregate, of the window and of the last 7 days; others are left out. */
  hours: ReadonlyMap<number, PerformanceState>
}

/** How served forecasts fared, as artefacts. The same hours give the same bytes. */
export function performanceArtefacts(options: PerformanceOptions): Artefact[] {
  const { system, timezone, end, windowDays } = options
  const window = spanOf(end, windowDays)
  const header = {
    schema_version: ARTEFACT_SCHEMA_VERSION,
    generated_at: iso(end),
    system,
    window: { start_utc: iso(window.start), end_utc: iso(window.end) },
  } as const
  const hours = within(options.hours, window)
  const all = mergeStates(hours.map(([, state]) => state))
  const byHorizon = [...sumsByHorizon(all)]
  const grouped = <Key>(keyOf: (hour: number) => Key): [Key, PerformanceState][] =>
    [...Map.groupBy(hours, ([hour]) => keyOf(hour))].map(([key, own]) => [
      key,
      mergeStates(own.map(([, state]) => state)),
    ])
  const rowsOf = <Key extends Record<string, unknown>>(
    groups: [Key, PerformanceState][],
  ): ({ horizon_min: number } & Key & Skill)[] =>
    groups
      .flatMap(([key, state]) =>
        [...sumsByHorizon(state)].map(([horizon_min, sums]) => ({ horizon_min, ...key, ...skillOf(sums) })),
      )
      .sort((a, b) => a.horizon_min - b.horizon_min)
  const byHour = grouped((hour) => localHour({ utc: hour, timezone })).sort(([a], [b]) => a - b)
  const byDay = grouped((hour) => localDayName({ utc: hour, timezone })).sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    {
      name: 'performance/latest/kpis.json',
      document: {
        ...header,
        rows: byHorizon.map(([horizon_min, sums]) => ({ horizon_min, ...skillOf(sums) })),
      },
    },
    {
      name: 'performance/latest/by_model.json',
      document: {
        ...header,
        rows: [...all]
          .map(([key, sums]) => ({ ...readPerformanceKey(key), ...skillOf(sums) }))
          .sort((a, b) => a.horizon_min - b.horizon_min || (a.model_version < b.model_version ? -1 : 1)),
      },
    },
    {
      name: 'performance/latest/by_hour.json',
      document: { ...header, rows: rowsOf(byHour.map(([hour, state]) => [{ hour }, state])) },
    },
    {
      name: 'performance/latest/daily.json',
      document: { ...header, rows: rowsOf(byDay.map(([date, state]) => [{ date }, state])) },
    },
    {
      name: 'performance/latest/reliability.json',
      document: {
        ...header,
        rows: byHorizon.map(([horizon_min, { bike, dock }]) => ({
          horizon_min,
          p_bike: bike.reliability.map(reliabilityOf),
          p_dock: dock.reliability.map(reliabilityOf),
        })),
      },
    },
    { name: 'performance/latest/skill.json', document: skillDocument(options) },
  ]
}

/** The summary that others decide by: skill against persistence over the last 7 days, by horizon. */
function skillDocument({ system, timezone, end, hours }: PerformanceOptions) {
  const window = spanOf(end, SKILL_DAYS)
  const days = Map.groupBy(within(hours, window), ([hour]) => localDayName({ utc: hour, timezone }))
  const byDay = [...days.values()].map((own) => sumsByHorizon(mergeStates(own.map(([, state]) => state))))
  const horizons = [...new Set(byDay.flatMap((day) => [...day.keys()]))].sort((a, b) => a - b)
  return {
    schema_version: ARTEFACT_SCHEMA_VERSION,
    generated_at: iso(end),
    system,
    window: { start_utc: iso(window.start), end_utc: iso(window.end) },
    rows: horizons.map((horizon_min) => {
      const own = byDay.flatMap((day) => day.get(horizon_min) ?? [])
      const { n, mae_model, mae_persistence, lift } = skillOf(own.reduce(mergeSums, emptySums()))
      const worse = own.filter(isWorse).length
      return { horizon_min, n, mae_model, mae_persistence, lift, days: own.length, days_worse: worse }
    }),
  } as const
}

function isWorse({ absoluteMedian, absolutePersistence }: PerformanceSums): boolean {
  return absoluteMedian > absolutePersistence
}

function reliabilityOf([n, probability, hits]: [number, number, number]) {
  return {
    n,
    mean_probability: n === 0 ? null : probability / n / 1_000_000,
    frequency: n === 0 ? null : hits / n,
  }
}

function spanOf(end: number, windowDays: number): WindowSpan {
  return windowPlan({ end, windowDays, referenceDays: 0 }).window
}

function within(
  hours: ReadonlyMap<number, PerformanceState>,
  { start, end }: WindowSpan,
): [number, PerformanceState][] {
  return [...hours].filter(([hour]) => hour >= start && hour < end).sort(([a], [b]) => a - b)
}

function mergeStates(states: readonly PerformanceState[]): PerformanceState {
  return states.reduce(performance.merge, performance.empty())
}

function iso(utc: number): string {
  return new Date(utc).toISOString()
}
