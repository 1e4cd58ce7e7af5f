import type { FlatSequence } from './aggregates/flat-sequences.ts'
import type { Hole } from './aggregates/holes.ts'
import type { Delivery } from './aggregates/poll-deliveries.ts'
import type { Feature } from './aggregates/values.ts'
import { BIN_MS, HOUR_MS } from './bin.ts'
import type { FeatureDrift } from './drift.ts'
import type { FrozenStretch } from './frozen.ts'

/** Names are API: dashboards and alert rules use them. */
export const ALERT_NAMES = [
  'missing_bins',
  'flat_sequence',
  'duplicates',
  'stale_feed',
  'frozen_feed',
  'drift_occupancy',
] as const
type AlertName = (typeof ALERT_NAMES)[number]

export interface Alert {
  name: AlertName
  level: 'medium' | 'high'
  /** One sentence for people, with the figures. */
  text: string
  /** How many things raised it: holes, stations, polls, stretches or features. */
  count: number
  /** First and last moment concerned, epoch ms; null when the whole window is. */
  since: number | null
  until: number | null
}

/** Stations' own coverage of the bins that the feed brought, below which stations are missing from polls. The reference's SLO. */
export const LEAST_COVERAGE_PCT = 98
/** A hole of a working half-day or more is past what windows (4 h) and lags can bridge. */
const LONG_HOLE_MS = 4 * HOUR_MS
/** The reference's bound: above 1 % repeated rows something delivers twice as a rule, not now and then. */
export const DUPLICATES_HIGH_PCT = 1
/** The usual reading of PSI: below 0.10 stable, to 0.25 moved, above it another population. */
const PSI_MEDIUM = 0.1
const PSI_HIGH = 0.25
/**
 * Share of the window's hours whose hour of the week the reference has too, needed for a verdict on drift: with less,
 * weekdays would be compared with weekends, and mornings with nights. Then there are figures but no alert.
 */
const LEAST_REFERENCE_MATCHED = 0.9
/** Occupancy in its three readings is one fact, so one alert. Weather drifts by itself, fleet and docks by decision. */
const OCCUPANCY_FEATURES: readonly Feature[] = ['occ_ratio', 'bikes', 'docks']

/**
 * Alerts of data health, in the order of ALERT_NAMES, each at most once. A fault is attributed to one cause: a hole is
 * stale or missing by what the polls in it said (`holes`); what stands still while the whole network stands still has
 * no expected changes and is no flat sequence (`flatSequences`); a repeated delivery changes no final row.
 */
export function healthAlerts({
  holes,
  flat,
  duplicates,
  duplicatesPct,
  frozen,
  stationCoveragePct,
}: {
  holes: readonly Hole[]
  flat: readonly FlatSequence[]
  duplicates: readonly (Delivery & { poll_id: string })[]
  duplicatesPct: number
  frozen: readonly FrozenStretch[]
  stationCoveragePct: number | null
}): Alert[] {
  return [
    missingBins(
      holes.filter(({ cause, fault }) => cause === 'missing' && fault),
      stationCoveragePct,
    ),
    flat.length === 0
      ? null
      : {
          name: 'flat_sequence' as const,
          level: 'medium' as const,
          text: `${flat.length} stretches of stations in service stood still while they would have changed ${Math.round(flat[0]!.expected)} times (the longest)`,
          count: flat.length,
          ...span(flat),
        },
    duplicates.length === 0
      ? null
      : {
          name: 'duplicates' as const,
          level: duplicatesPct >= DUPLICATES_HIGH_PCT ? ('high' as const) : ('medium' as const),
          text: `${duplicates.length} polls were delivered more than once`,
          count: duplicates.length,
          since: Math.min(...duplicates.map(({ utc }) => utc)),
          until: Math.max(...duplicates.map(({ utc }) => utc)),
        },
    stretches(
      'stale_feed',
      holes.filter(({ cause, fault }) => cause === 'stale' && fault),
      (count, minutes) =>
        `the feed's published time stood still ${count} times while polls were answered, for ${minutes} minutes at most`,
    ),
    stretches(
      'frozen_feed',
      frozen.filter(({ verdict }) => verdict === 'frozen'),
      (count, minutes) =>
        `the feed's published time went on ${count} times while no station changed, for ${minutes} minutes at most`,
    ),
  ].filter((alert) => alert !== null)
}

function missingBins(holes: readonly Hole[], coverage: number | null): Alert | null {
  if (holes.length > 0) {
    return stretches(
      'missing_bins',
      holes,
      (count, minutes) => `${count} stretches have no data and no answered poll, ${minutes} minutes at most`,
    )
  }
  if (coverage === null || coverage >= LEAST_COVERAGE_PCT) return null
  return {
    name: 'missing_bins',
    level: 'medium',
    text: `stations are missing from the polls' answers, they have ${coverage.toFixed(2)} % of the bins that the feed brought`,
    count: 1,
    since: null,
    until: null,
  }
}

interface Stretch {
  start: number
  end: number
}

function stretches(
  name: AlertName,
  found: readonly Stretch[],
  text: (count: number, minutes: number) => string,
): Alert | null {
  if (found.length === 0) return null
  const longest = Math.max(...found.map(({ start, end }) => end + BIN_MS - start))
  return {
    name,
    level: longest >= LONG_HOLE_MS ? 'high' : 'medium',
    text: text(found.length, longest / 60_000),
    count: found.length,
    ...span(found),
  }
}

function span(found: readonly Stretch[]): { since: number; until: number } {
  return {
    since: Math.min(...found.map(({ start }) => start)),
    until: Math.max(...found.map(({ end }) => end)) + BIN_MS,
  }
}

/** At most one alert, `drift_occupancy`. `referenceMatched` is the share of the window's hours that the reference has by hour of the week, 0..1. */
export function driftAlerts({
  drift,
  referenceMatched,
}: {
  drift: readonly FeatureDrift[]
  referenceMatched: number
}): Alert[] {
  if (referenceMatched < LEAST_REFERENCE_MATCHED) return []
  const moved = drift.filter(
    ({ feature, psi }) => OCCUPANCY_FEATURES.includes(feature) && psi !== null && psi >= PSI_MEDIUM,
  )
  if (moved.length === 0) return []
  const greatest = Math.max(...moved.map(({ psi }) => psi!))
  return [
    {
      name: 'drift_occupancy',
      level: greatest >= PSI_HIGH ? 'high' : 'medium',
      text: `occupancy is spread differently from the reference, PSI ${moved.map(({ feature, psi }) => `${feature} ${psi!.toFixed(3)}`).join(', ')}`,
      count: moved.length,
      since: null,
      until: null,
    },
  ]
}

/** `stale_feed` while it lasts, by polls alone: no bin closes while the published time stands still. */
export function isFeedStale({
  published,
  now,
  staleMinutes,
}: {
  /** Newest event time that came, epoch ms. */
  published: number | null
  /** When the newest poll was answered, epoch ms. */
  now: number
  staleMinutes: number
}): boolean {
  return published !== null && now - published > staleMinutes * 60_000
}
