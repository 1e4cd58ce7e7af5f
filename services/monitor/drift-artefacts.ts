import type { FeatureDrift } from '../domain/drift.ts'
import type { Artefact } from './artefact-schemas.ts'
import type { Assessment } from './assessment.ts'
import { iso, isoOrNull, windowHeader } from './health-artefacts.ts'

/** Artefacts of data drift, in the order of ARTEFACT_SCHEMAS. */
export function driftArtefacts(assessment: Assessment): Artefact[] {
  const { drift, driftAlerts, reference, window, health } = assessment
  const header = windowHeader(assessment)
  const worst = drift.reduce<FeatureDrift | null>(
    (top, entry) => (entry.psi !== null && entry.psi > (top?.psi ?? -1) ? entry : top),
    null,
  )
  return [
    {
      name: 'drift/latest/summary.json',
      document: {
        ...header,
        psi_global: drift.find(({ feature }) => feature === 'occ_ratio')?.psi ?? null,
        top_feature: worst?.feature ?? null,
        top_feature_psi: worst?.psi ?? null,
      },
    },
    {
      name: 'drift/latest/psi_by_feature.json',
      document: { ...header, rows: drift.map(({ feature, psi }) => ({ feature, psi })) },
    },
    {
      name: 'drift/latest/ks_by_feature.json',
      document: { ...header, rows: drift.map(({ feature, ks }) => ({ feature, ks })) },
    },
    {
      name: 'drift/latest/deltas_by_feature.json',
      document: {
        ...header,
        rows: drift.map(({ feature, delta_mean, delta_var }) => ({ feature, delta_mean, delta_var })),
      },
    },
    {
      name: 'drift/latest/alerts.json',
      document: {
        ...header,
        rows: driftAlerts.map(({ level, name, text }) => ({ level, code: name, text })),
      },
    },
    {
      name: 'drift/latest/bounds.json',
      document: {
        ...header,
        tmax_utc: isoOrNull(health.last),
        cur_start_utc: iso(window.start),
        ref_start_utc: isoOrNull(reference.used?.start ?? null),
        ref_end_utc: isoOrNull(reference.used?.end ?? null),
        ref_hours: reference.hours,
        ref_matched: reference.matched,
        ref_asked_start_utc: iso(reference.asked.start),
        ref_asked_end_utc: iso(reference.asked.end),
      },
    },
    {
      name: 'drift/latest/features_detected.json',
      document: { ...header, rows: drift.map(({ feature }) => feature) },
    },
  ]
}
