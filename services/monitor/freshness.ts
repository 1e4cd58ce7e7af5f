import type { FinalRow } from '../domain/aggregates/aggregate.ts'
import { isFeedStale } from '../domain/alerts.ts'
import { DAY_MS, floorBin } from '../domain/bin.ts'
import type { PollRecord } from '../domain/poll.ts'
import { ARTEFACT_SCHEMA_VERSION } from './artefact-parts.ts'
import type { Artefact } from './artefact-schemas.ts'
import { iso, isoOrNull } from './health-artefacts.ts'

const OLDEST_SHOWN = 50
/** A feed silent for so long is stale: three times the bin, the limit of `holes` in minutes. */
const STALE_MINUTES = 15

/** What freshness is a function of: the newest poll, and the newest poll that brought rows, with them. */
export interface NewestPolls {
  newest: PollRecord
  carrier: { poll: PollRecord; rows: readonly FinalRow[] } | null
}

/** Order of a system's polls by fetch, event time, id. Offsets take no part. */
function compareFetched(a: PollRecord, b: PollRecord): number {
  return (
    a.fetched_utc - b.fetched_utc || (a.ts_utc ?? 0) - (b.ts_utc ?? 0) || compareText(a.poll_id, b.poll_id)
  )
}

/** Order of polls that brought rows: that of their observations, event time first. */
function compareCarried(a: PollRecord, b: PollRecord): number {
  return (
    (a.ts_utc ?? 0) - (b.ts_utc ?? 0) || a.fetched_utc - b.fetched_utc || compareText(a.poll_id, b.poll_id)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Takes one more poll into account; `rows` are its own. Polls may come in any order. */
export function newerPolls<Rows>(
  known: { newest: PollRecord; carrier: { poll: PollRecord; rows: Rows } | null } | null,
  poll: PollRecord,
  rows: Rows,
): { newest: PollRecord; carrier: { poll: PollRecord; rows: Rows } | null } {
  const carries = poll.outcome === 'ok' && poll.ts_utc !== null
  const carrier = known?.carrier ?? null
  return {
    newest: known === null || compareFetched(known.newest, poll) < 0 ? poll : known.newest,
    carrier:
      carries && (carrier === null || compareCarried(carrier.poll, poll) < 0) ? { poll, rows } : carrier,
  }
}

/**
 * How old the feed, its stations' own reports and its weather are, as of the newest poll. Stations that have not
 * reported for a day are counted apart: one dead station says nothing of the feed. Weather is as old as its issue,
 * never of the hour that it is for.
 */
export function freshnessArtefact({ newest, carrier }: NewestPolls): Artefact {
  const now = newest.fetched_utc
  const published = carrier?.poll.ts_utc ?? null
  const stale = isFeedStale({ published, now, staleMinutes: STALE_MINUTES })
  const ages = (carrier?.rows ?? [])
    .flatMap(({ station_id, last_reported }) =>
      last_reported === null ? [] : [{ station_id, age: Math.max(0, now - last_reported) }],
    )
    .sort((a, b) => b.age - a.age || (a.station_id < b.station_id ? -1 : 1))
  const live = ages.filter(({ age }) => age <= DAY_MS)
  const rank = (p: number): number | null => {
    const found = live[live.length - Math.max(1, Math.ceil(p * live.length))]
    return found === undefined ? null : minutes(found.age)
  }
  const issued = (carrier?.rows ?? []).reduce<number | null>(
    (latest, { weather_issued }) =>
      weather_issued === null ? latest : Math.max(latest ?? weather_issued, weather_issued),
    null,
  )
  return {
    name: 'freshness/latest/freshness.json',
    document: {
      schema_version: ARTEFACT_SCHEMA_VERSION,
      generated_at: iso(now),
      system: newest.system,
      now_utc: iso(now),
      feed: {
        outcome: newest.outcome,
        published_utc: isoOrNull(published),
        age_min: published === null ? null : minutes(Math.max(0, now - published)),
        stale,
      },
      stations: {
        count: carrier?.rows.length ?? 0,
        silent: ages.length - live.length,
        freshness: {
          p50_min: rank(0.5),
          p95_min: rank(0.95),
          max_min: live[0] === undefined ? null : minutes(live[0].age),
        },
        top_oldest: ages
          .slice(0, OLDEST_SHOWN)
          .map(({ station_id, age }) => ({ station_id, freshness_min: minutes(age) })),
      },
      weather: { freshness_min: issued === null ? null : minutes(Math.max(0, now - issued)) },
      alerts: stale ? ['stale_feed'] : [],
      meta: { bin_t_utc: published === null ? null : iso(floorBin(published)), schema: 'v1' },
    },
  }
}

function minutes(ms: number): number {
  return Math.round(ms / 600) / 100
}
