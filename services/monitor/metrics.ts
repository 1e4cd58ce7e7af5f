import { Counter, Gauge, type Registry } from 'prom-client'
import { FEATURES } from '../domain/aggregates/values.ts'
import { ALERT_NAMES } from '../domain/alerts.ts'
import type { Artefact } from './artefact-schemas.ts'
import type { Assessment } from './assessment.ts'
import { type PerformanceMetrics, performanceMetrics } from './performance/metrics.ts'

/** Gauges of health by system; no station is ever a label. */
export interface MonitorMetrics {
  assessed(assessment: Assessment): void
  fresh(system: string, artefact: Artefact): void
  dirtyHours: Gauge<'system'>
  recomputed: Counter<'system'>
  performance: PerformanceMetrics
  /** Takes back every gauge of a system: another member owns it now, and shows it. */
  forget(system: string): void
}

const KINDS = ['global', 'active', 'station'] as const
const QUANTILES = ['0.5', '0.95'] as const

export function monitorMetrics(registry: Registry): MonitorMetrics {
  const registers = [registry]
  const coverage = new Gauge({
    name: 'velocast_health_coverage_pct',
    help: 'Coverage of the window in percent: global of all bins, active from first to last seen, station of bins that the feed brought',
    labelNames: ['system', 'kind'],
    registers,
  })
  const age = new Gauge({
    name: 'velocast_health_freshness_minutes',
    help: "Age of the stations' own reports as of the newest poll, minutes",
    labelNames: ['system', 'quantile'],
    registers,
  })
  const feedAge = new Gauge({
    name: 'velocast_health_feed_age_minutes',
    help: "Age of the feed's published time as of the newest poll, minutes",
    labelNames: ['system'],
    registers,
  })
  const psi = new Gauge({
    name: 'velocast_health_psi',
    help: 'Population stability index of the window against its reference',
    labelNames: ['system', 'feature'],
    registers,
  })
  const active = new Gauge({
    name: 'velocast_health_alert_active',
    help: '1 while the named alert stands in the window, else 0',
    labelNames: ['system', 'alert'],
    registers,
  })
  const inWindow = new Map<string, Set<string>>()
  const live = new Map<string, Set<string>>()
  const dirtyHours = new Gauge({
    name: 'velocast_monitor_dirty_hours',
    help: 'Hours with late rows that wait to be recomputed from Parquet',
    labelNames: ['system'],
    registers,
  })
  const performance = performanceMetrics(registry)
  const show = (system: string): void => {
    for (const alert of ALERT_NAMES) {
      const on = inWindow.get(system)?.has(alert) || live.get(system)?.has(alert)
      active.set({ system, alert }, on ? 1 : 0)
    }
  }
  return {
    assessed({ system, health, drift, healthAlerts, driftAlerts }) {
      const kinds = {
        global: health.coverageGlobalPct,
        active: health.coverageActivePct,
        station: health.coverageStationPct,
      }
      for (const [kind, value] of Object.entries(kinds))
        if (value !== null) coverage.set({ system, kind }, value)
      for (const { feature, psi: value } of drift) {
        if (value === null) psi.remove({ system, feature })
        else psi.set({ system, feature }, value)
      }
      inWindow.set(system, new Set([...healthAlerts, ...driftAlerts].map(({ name }) => name)))
      show(system)
    },
    fresh(system, artefact) {
      if (artefact.name !== 'freshness/latest/freshness.json') return
      const { feed, stations, alerts } = artefact.document
      const { p50_min, p95_min } = stations.freshness
      if (p50_min !== null) age.set({ system, quantile: '0.5' }, p50_min)
      if (p95_min !== null) age.set({ system, quantile: '0.95' }, p95_min)
      if (feed.age_min !== null) feedAge.set({ system }, feed.age_min)
      live.set(system, new Set(alerts))
      show(system)
    },
    dirtyHours,
    performance,
    forget(system) {
      for (const kind of KINDS) coverage.remove({ system, kind })
      for (const quantile of QUANTILES) age.remove({ system, quantile })
      for (const feature of FEATURES) psi.remove({ system, feature })
      for (const alert of ALERT_NAMES) active.remove({ system, alert })
      feedAge.remove({ system })
      dirtyHours.remove({ system })
      inWindow.delete(system)
      live.delete(system)
      performance.forget(system)
    },
    recomputed: new Counter({
      name: 'velocast_monitor_recomputed_hours_total',
      help: 'Hours that were recomputed from Parquet and replaced',
      labelNames: ['system'],
      registers,
    }),
  }
}
