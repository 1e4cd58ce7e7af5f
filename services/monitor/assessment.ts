import type { Bundle } from '../domain/aggregates/bundle.ts'
import { type Alert, driftAlerts, healthAlerts } from '../domain/alerts.ts'
import { DAY_MS, HOUR_MS } from '../domain/bin.ts'
import { driftByFeature, type FeatureDrift } from '../domain/drift.ts'
import { changeRates } from '../domain/frozen.ts'
import { type HealthFacts, healthFacts, type WindowSpan } from '../domain/health.ts'
import type { HourSource } from './hour-source.ts'
import { windowPlan } from './window-plan.ts'

/** The reference that drift was really measured against; nothing is ever cut off silently. */
interface ReferenceUsed {
  asked: WindowSpan
  /** First and last hour's end of what was there and comparable; null when nothing was. */
  used: WindowSpan | null
  hours: number
  /** Share of the window's hours whose hour of the week the reference has, 0..1. */
  matched: number
}

/** Everything that the artefacts of one window show. */
export interface Assessment {
  system: string
  timezone: string
  window: WindowSpan
  windowDays: number
  referenceDays: number
  bundle: Bundle
  health: HealthFacts
  healthAlerts: Alert[]
  drift: FeatureDrift[]
  driftAlerts: Alert[]
  reference: ReferenceUsed
}

/** Assesses the window that ends at `end`. The same hours give the same assessment, whatever made them. */
export async function assess({
  system,
  timezone,
  end,
  windowDays,
  referenceDays,
  source,
}: {
  system: string
  timezone: string
  end: number
  windowDays: number
  referenceDays: number
  source: HourSource
}): Promise<Assessment> {
  const plan = windowPlan({ end, windowDays, referenceDays })
  const { window } = plan
  const windowHours = source.hours(window.start, window.end)
  const referenceHours = source.hours(plan.reference.start, plan.reference.end)
  const comparable = plan.comparable(referenceHours)
  const bundle = await source.merged(windowHours)
  const changes = await source.changes([...referenceHours, ...windowHours])
  const health = healthFacts({
    bundle,
    window,
    dataStart: changes[0]?.bin ?? null,
    rates: changeRates({ changes, timezone }),
    timezone,
  })
  const reference = referenceUsed({ asked: plan.reference, comparable, windowHours })
  const drift = driftByFeature({
    reference: comparable.length === 0 ? null : await source.values(comparable),
    current: bundle.values,
  })
  return {
    system,
    timezone,
    window,
    windowDays,
    referenceDays,
    bundle,
    health,
    healthAlerts: healthAlerts({
      holes: health.holes,
      flat: health.flat,
      duplicates: health.duplicates,
      duplicatesPct: health.duplicatesPct,
      frozen: health.frozen,
      stationCoveragePct: health.coverageStationPct,
    }),
    drift,
    driftAlerts: driftAlerts({ drift, referenceMatched: reference.matched }),
    reference,
  }
}

function referenceUsed({
  asked,
  comparable,
  windowHours,
}: {
  asked: WindowSpan
  comparable: readonly number[]
  windowHours: readonly number[]
}): ReferenceUsed {
  const hourOfWeek = (hour: number): number => (hour / HOUR_MS) % ((7 * DAY_MS) / HOUR_MS)
  const there = new Set(comparable.map(hourOfWeek))
  const matched = windowHours.filter((hour) => there.has(hourOfWeek(hour))).length
  const first = comparable[0]
  const last = comparable.at(-1)
  return {
    asked,
    used: first === undefined || last === undefined ? null : { start: first, end: last + HOUR_MS },
    hours: comparable.length,
    matched: windowHours.length === 0 ? 0 : matched / windowHours.length,
  }
}
