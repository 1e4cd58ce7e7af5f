import { FLAT_EXPECTED_CHANGES, WALL_FACTOR } from '../domain/aggregates/flat-sequences.ts'
import { type Grid, type Histogram, quantile } from '../domain/aggregates/histogram.ts'
import { LEAST_HOLE_BINS } from '../domain/aggregates/holes.ts'
import { LATENCY_GRID } from '../domain/aggregates/poll-latency.ts'
import { sortedCounts } from '../domain/aggregates/poll-outcomes.ts'
import { REPORTING_AGE_GRID } from '../domain/aggregates/reporting-age.ts'
import { type Alert, DUPLICATES_HIGH_PCT, LEAST_COVERAGE_PCT } from '../domain/alerts.ts'
import { BIN_MS, DAY_MS } from '../domain/bin.ts'
import { ARTEFACT_SCHEMA_VERSION } from './artefact-parts.ts'
import { type Artefact, type ArtefactDocument, type ArtefactName, artefactPath } from './artefact-schemas.ts'
import type { Assessment } from './assessment.ts'

/** Rows of an anomaly file at most; the manifest counts them all. */
const ANOMALIES_SHOWN = 200
/** Vélib' stations report about hourly, p95 157 min: beyond three hours the stations' reports are late as a whole. */
const FRESHNESS_SLO_MIN = 180

export function iso(utc: number): string {
  return new Date(utc).toISOString()
}

export function isoOrNull(utc: number | null): string | null {
  return utc === null ? null : iso(utc)
}

/** What every artefact of a window says of itself. */
export function windowHeader({ system, window }: Pick<Assessment, 'system' | 'window'>) {
  return {
    schema_version: ARTEFACT_SCHEMA_VERSION,
    generated_at: iso(window.end),
    system,
    window: { start_utc: iso(window.start), end_utc: iso(window.end) },
  } as const
}

function alertDocument({ since, until, ...alert }: Alert) {
  return { ...alert, since: isoOrNull(since), until: isoOrNull(until) }
}

/** Artefacts of data health, in the order of ARTEFACT_SCHEMAS. */
export function healthArtefacts(assessment: Assessment): Artefact[] {
  const { system, health, healthAlerts } = assessment
  const header = windowHeader(assessment)
  const { p95: ageP95 } = quantiles(assessment.bundle.reportingAge, REPORTING_AGE_GRID)
  const nameOf = (station: string): string | null => assessment.bundle.names.get(station)?.name ?? null
  const missing = health.stations.filter(({ missing }) => missing > 0)
  const counts = {
    flat: health.flat.length,
    duplicates: health.duplicates.length,
    missing: missing.length,
    frozen: health.frozen.length,
  }
  const anomaly = (name: keyof typeof counts): ArtefactName => `health/latest/anomalies/${name}.json`
  return [
    { name: 'health/latest/kpis.json', document: kpis(assessment) },
    { name: 'health/latest/station_health.json', document: { ...header, rows: health.stations } },
    {
      name: 'health/latest/coverage_by_hour.json',
      document: {
        ...header,
        rows: health.coverageByHour.map((coverage_pct, hour) => ({ hour, coverage_pct })),
      },
    },
    {
      name: 'health/latest/alerts.json',
      document: {
        ...header,
        freshness_p95_ok: ageP95 === null ? null : ageP95 <= FRESHNESS_SLO_MIN,
        coverage_ok:
          health.coverageGlobalPct === null ? null : health.coverageGlobalPct >= LEAST_COVERAGE_PCT,
        duplication_alert: health.duplicates.length > 0,
        flat_sequences_found: health.flat.length > 0,
        alerts: healthAlerts.map(alertDocument),
      },
    },
    {
      name: 'health/latest/anomalies/flat.json',
      document: {
        ...header,
        rows: health.flat.slice(0, ANOMALIES_SHOWN).map(({ station_id, start, end, steps, expected }) => ({
          type: 'flat_sequence' as const,
          station_id,
          name: nameOf(station_id),
          start: iso(start),
          end: iso(end),
          steps,
          duration_min: (end + BIN_MS - start) / 60_000,
          expected_changes: tenths(expected),
        })),
      },
    },
    {
      name: 'health/latest/anomalies/duplicates.json',
      document: {
        ...header,
        rows: health.duplicates.slice(0, ANOMALIES_SHOWN).map(({ poll_id, utc, times, rows }) => ({
          type: 'duplicates' as const,
          poll_id,
          utc: iso(utc),
          times,
          dups: (times - 1) * rows,
        })),
      },
    },
    {
      name: 'health/latest/anomalies/missing.json',
      document: {
        ...header,
        rows: missing.slice(0, ANOMALIES_SHOWN).map(({ station_id, name, missing, expected }) => ({
          type: 'missing_bins' as const,
          station_id,
          name,
          missing,
          expected,
        })),
        holes: health.holes
          .slice(0, ANOMALIES_SHOWN)
          .map(({ start, end, ...hole }) => ({ ...hole, start: iso(start), end: iso(end) })),
      },
    },
    {
      name: 'health/latest/anomalies/frozen.json',
      document: {
        ...header,
        rows: health.frozen
          .slice(0, ANOMALIES_SHOWN)
          .map(({ start, end, bins, expected, changed, verdict }) => ({
            type: 'frozen_feed' as const,
            start: iso(start),
            end: iso(end),
            bins,
            expected_changes: tenths(expected),
            changed,
            verdict,
          })),
      },
    },
    {
      name: 'health/latest/anomalies/manifest.json',
      document: {
        ...header,
        params: { topk: ANOMALIES_SHOWN },
        files: (Object.keys(counts) as (keyof typeof counts)[]).map((name) => ({
          name,
          uri: artefactPath(system, anomaly(name)),
          count: Math.min(counts[name], ANOMALIES_SHOWN),
        })),
        counts,
      },
    },
  ]
}

function kpis(assessment: Assessment): ArtefactDocument<'health/latest/kpis.json'> {
  const { window, bundle, health, healthAlerts, timezone, windowDays } = assessment
  const age = quantiles(bundle.reportingAge, REPORTING_AGE_GRID)
  const latency = quantiles(bundle.pollLatency, LATENCY_GRID)
  return {
    ...windowHeader(assessment),
    tz: timezone,
    bin_min: BIN_MS / 60_000,
    current_days: windowDays,
    bins_per_day: DAY_MS / BIN_MS,
    thresholds: {
      fresh_slo_min: FRESHNESS_SLO_MIN,
      compl_alert_pct: LEAST_COVERAGE_PCT,
      dup_alert_pct: DUPLICATES_HIGH_PCT,
      flat_expected_changes: FLAT_EXPECTED_CHANGES,
      flat_wall_factor: WALL_FACTOR,
      hole_bins: LEAST_HOLE_BINS,
    },
    rows: health.rows,
    stations: health.stations.length,
    span: [isoOrNull(health.first), isoOrNull(health.last)],
    expected_bins: health.expectedBins,
    observed_bins: health.observedBins,
    now_utc: iso(window.end),
    ts_global_max: isoOrNull(health.last),
    freshness_age_p50_min: age.p50,
    freshness_age_p95_min: age.p95,
    freshness_slo_min: FRESHNESS_SLO_MIN,
    freshness_p95_ok: age.p95 === null ? null : age.p95 <= FRESHNESS_SLO_MIN,
    coverage_global_pct: health.coverageGlobalPct,
    coverage_active_pct: health.coverageActivePct,
    coverage_station_pct: health.coverageStationPct,
    latency_p50_min: minutes(latency.p50),
    latency_p95_min: minutes(latency.p95),
    polls: bundle.pollOutcomes.polls,
    polls_by_outcome: sortedCounts(bundle.pollOutcomes.outcomes),
    polls_by_reason: sortedCounts(bundle.pollOutcomes.reasons),
    refused_by_reason: sortedCounts(bundle.pollOutcomes.refused),
    levels: bundle.levelCounts,
    dups_pct: health.duplicatesPct,
    missing_stations: health.stations.filter(({ missing }) => missing > 0).length,
    alerts: healthAlerts.map(({ name }) => name),
  }
}

function quantiles(histogram: Histogram, grid: Grid): { p50: number | null; p95: number | null } {
  return { p50: quantile({ histogram, grid, p: 0.5 }), p95: quantile({ histogram, grid, p: 0.95 }) }
}

function minutes(seconds: number | null): number | null {
  return seconds === null ? null : Math.round((seconds / 60) * 100) / 100
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10
}
