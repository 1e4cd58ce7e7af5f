import { z } from 'zod'
import { FEATURES } from '../domain/aggregates/values.ts'
import { ALERT_NAMES } from '../domain/alerts.ts'
import { LEVELS } from '../domain/levels.ts'
import { POLL_OUTCOMES } from '../domain/poll.ts'
import { common, percent, table, time, whole, windowed } from './artefact-parts.ts'
import { PERFORMANCE_SCHEMAS } from './performance/schemas.ts'

const counts = z.record(z.string(), whole)
const station = { station_id: z.string(), name: z.string().nullable() }
const alert = z.strictObject({
  name: z.enum(ALERT_NAMES),
  level: z.enum(['medium', 'high']),
  text: z.string(),
  count: whole,
  since: time.nullable(),
  until: time.nullable(),
})
const feature = z.enum(FEATURES as [string, ...string[]])

const hole = z.strictObject({
  cause: z.enum(['missing', 'stale']),
  start: time,
  end: time.describe('Last bin'),
  bins: whole,
  fault: z.boolean().describe("Longer than the feed's own rhythm explains"),
})

/** Layout of every artefact, by the end of its path below `<system>/monitoring/data/`. */
export const ARTEFACT_SCHEMAS = {
  'health/latest/kpis.json': z.strictObject({
    ...windowed,
    tz: z.string(),
    bin_min: whole,
    current_days: whole,
    bins_per_day: whole,
    thresholds: z.strictObject({
      fresh_slo_min: whole,
      compl_alert_pct: percent,
      dup_alert_pct: percent,
      flat_expected_changes: whole,
      flat_wall_factor: whole,
      hole_bins: whole,
    }),
    rows: whole,
    stations: whole,
    span: z.tuple([time.nullable(), time.nullable()]).describe('First bin expected, last bin with rows'),
    expected_bins: whole,
    observed_bins: whole,
    now_utc: time,
    ts_global_max: time.nullable(),
    freshness_age_p50_min: z
      .number()
      .nullable()
      .describe("Minutes from a station's last report to the fetch"),
    freshness_age_p95_min: z.number().nullable(),
    freshness_slo_min: whole,
    freshness_p95_ok: z.boolean().nullable(),
    coverage_global_pct: percent.nullable(),
    coverage_active_pct: percent.nullable(),
    coverage_station_pct: percent.nullable(),
    latency_p50_min: z.number().nullable().describe('Minutes from published to fetched'),
    latency_p95_min: z.number().nullable(),
    polls: whole,
    polls_by_outcome: z.partialRecord(z.enum(POLL_OUTCOMES), whole),
    polls_by_reason: counts,
    refused_by_reason: counts,
    levels: z.record(z.enum(LEVELS), whole).describe('Station bins by level'),
    dups_pct: percent,
    missing_stations: whole,
    alerts: z.array(z.enum(ALERT_NAMES)),
  }),
  'health/latest/station_health.json': table(
    z.strictObject({
      ...station,
      obs: whole,
      expected: whole,
      coverage_pct: percent,
      missing: whole,
    }),
  ),
  'health/latest/coverage_by_hour.json': table(
    z.strictObject({ hour: z.number().int().min(0).max(23), coverage_pct: percent.nullable() }),
  ),
  'health/latest/alerts.json': z.strictObject({
    ...windowed,
    freshness_p95_ok: z.boolean().nullable(),
    coverage_ok: z.boolean().nullable(),
    duplication_alert: z.boolean(),
    flat_sequences_found: z.boolean(),
    alerts: z.array(alert),
  }),
  'health/latest/anomalies/flat.json': table(
    z.strictObject({
      type: z.literal('flat_sequence'),
      ...station,
      start: time,
      end: time,
      steps: whole,
      duration_min: whole,
      expected_changes: z.number(),
    }),
  ),
  'health/latest/anomalies/duplicates.json': table(
    z.strictObject({
      type: z.literal('duplicates'),
      poll_id: z.string(),
      utc: time,
      times: whole,
      dups: whole,
    }),
  ),
  'health/latest/anomalies/missing.json': table(
    z.strictObject({ type: z.literal('missing_bins'), ...station, missing: whole, expected: whole }),
  ).extend({ holes: z.array(hole) }),
  'health/latest/anomalies/frozen.json': table(
    z.strictObject({
      type: z.literal('frozen_feed'),
      start: time,
      end: time,
      bins: whole,
      expected_changes: z.number(),
      changed: whole,
      verdict: z.enum(['frozen', 'undecided']),
    }),
  ),
  'health/latest/anomalies/manifest.json': z.strictObject({
    ...windowed,
    params: z.strictObject({ topk: whole }),
    files: z.array(z.strictObject({ name: z.string(), uri: z.string(), count: whole })),
    counts: z.strictObject({ flat: whole, duplicates: whole, missing: whole, frozen: whole }),
  }),
  'freshness/latest/freshness.json': z.strictObject({
    ...common,
    now_utc: time.describe('When the newest poll was answered'),
    feed: z.strictObject({
      outcome: z.enum(POLL_OUTCOMES),
      published_utc: time.nullable().describe('Newest event time that came'),
      age_min: z.number().nullable(),
      stale: z.boolean(),
    }),
    stations: z.strictObject({
      count: whole,
      silent: whole.describe('Without a report for a day: listed in top_oldest, left out of the quantiles'),
      freshness: z.strictObject({
        p50_min: z.number().nullable(),
        p95_min: z.number().nullable(),
        max_min: z.number().nullable(),
      }),
      top_oldest: z.array(z.strictObject({ station_id: z.string(), freshness_min: z.number() })),
    }),
    weather: z.strictObject({ freshness_min: z.number().nullable().describe('Since it was issued') }),
    alerts: z.array(z.enum(ALERT_NAMES)),
    meta: z.strictObject({ bin_t_utc: time.nullable(), schema: z.literal('v1') }),
  }),
  'drift/latest/summary.json': z.strictObject({
    ...windowed,
    psi_global: z.number().nullable().describe('PSI of occ_ratio'),
    top_feature: feature.nullable(),
    top_feature_psi: z.number().nullable(),
  }),
  'drift/latest/psi_by_feature.json': table(z.strictObject({ feature, psi: z.number().nullable() })),
  'drift/latest/ks_by_feature.json': table(z.strictObject({ feature, ks: z.number().nullable() })),
  'drift/latest/deltas_by_feature.json': table(
    z.strictObject({ feature, delta_mean: z.number().nullable(), delta_var: z.number().nullable() }),
  ),
  'drift/latest/alerts.json': table(
    z.strictObject({ level: z.enum(['medium', 'high']), code: z.enum(ALERT_NAMES), text: z.string() }),
  ),
  'drift/latest/bounds.json': z.strictObject({
    ...windowed,
    tmax_utc: time.nullable(),
    cur_start_utc: time,
    ref_start_utc: time.nullable().describe('First hour that was compared with; null without a reference'),
    ref_end_utc: time.nullable(),
    ref_hours: whole,
    ref_matched: z.number().min(0).max(1).describe("Share of the window's hours of the week that it has"),
    ref_asked_start_utc: time,
    ref_asked_end_utc: time,
  }),
  'drift/latest/features_detected.json': table(feature),
  ...PERFORMANCE_SCHEMAS,
} as const

export type ArtefactName = keyof typeof ARTEFACT_SCHEMAS
export const ARTEFACT_NAMES = Object.keys(ARTEFACT_SCHEMAS) as ArtefactName[]
export type ArtefactDocument<Name extends ArtefactName> = z.infer<(typeof ARTEFACT_SCHEMAS)[Name]>

/** An artefact by its name; documents are plain JSON. */
export type Artefact = {
  [Name in ArtefactName]: { name: Name; document: ArtefactDocument<Name> }
}[ArtefactName]

/** Compact UTF-8 JSON with a final line feed: the same document gives the same bytes. */
export function artefactBytes({ document }: Artefact): Buffer {
  return Buffer.from(`${JSON.stringify(document)}\n`)
}

/** Path of an artefact below the store's root. */
export function artefactPath(system: string, name: ArtefactName): string {
  return `${system}/monitoring/data/${name}`
}

/** File of an artefact's JSON Schema in schemas/json. */
export function schemaFile(name: ArtefactName): string {
  return `monitoring-${name.replace('/latest/', '-').replaceAll('/', '-').replaceAll('_', '-').replace('.json', '')}.schema.json`
}

/** JSON Schema (2020-12) of an artefact: what schemas/json holds. */
export function artefactJsonSchema(name: ArtefactName): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(ARTEFACT_SCHEMAS[name])
  return { $schema, $id: schemaFile(name), title: `monitoring/data/${name}`, ...schema }
}
