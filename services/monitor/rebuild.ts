import type { FinalRow } from '../domain/aggregates/aggregate.ts'
import { addPoll, addRow, type Bundle, emptyBundle } from '../domain/aggregates/bundle.ts'
import { type PerformanceState, performance } from '../domain/aggregates/performance.ts'
import { pollTime } from '../domain/aggregates/poll-time.ts'
import { BIN_MS, DAY_MS, floorBin, floorDay, floorHour } from '../domain/bin.ts'
import type { WindowSpan } from '../domain/health.ts'
import type { PollRecord } from '../domain/poll.ts'
import { VelocastError } from '../platform/errors.ts'
import type { Platform } from '../platform/service.ts'
import { type Artefact, artefactBytes, artefactPath } from './artefact-schemas.ts'
import { assess } from './assessment.ts'
import { driftArtefacts } from './drift-artefacts.ts'
import { freshnessArtefact, newerPolls } from './freshness.ts'
import { healthArtefacts } from './health-artefacts.ts'
import { MemoryHours } from './memory-hours.ts'
import { openParquetHistory, type ParquetHistory } from './parquet-history.ts'
import { performanceArtefacts, SKILL_DAYS } from './performance/artefacts.ts'
import { scoreSpan } from './performance/served-history.ts'
import { windowPlan } from './window-plan.ts'

/** Hour bundles of a span within one UTC day, from Parquet; only hours that have a row or a poll. */
export async function hourBundles(history: ParquetHistory, span: WindowSpan): Promise<Map<number, Bundle>> {
  const hours = new Map<number, Bundle>()
  const bundleOf = (utc: number): Bundle => {
    const hour = floorHour(utc)
    let bundle = hours.get(hour)
    if (bundle === undefined) {
      bundle = emptyBundle()
      hours.set(hour, bundle)
    }
    return bundle
  }
  for (const row of await history.rows(span)) addRow(bundleOf(row.ts_utc), row)
  for (const poll of await history.polls(span)) addPoll(bundleOf(pollTime(poll)), poll)
  return hours
}

/**
 * The artefacts of the window that ends at `end` (epoch ms, the end of a closed bin), from Parquet alone: daily and
 * bronze for rows, poll files for polls. Writes nothing. Byte for byte what the stream publishes for that window.
 * Throws `not_found` for a system that the configuration does not have.
 */
export async function rebuildArtefacts({
  platform,
  system,
  end,
}: {
  platform: Pick<Platform, 'config' | 'objects'>
  system: string
  end: number
}): Promise<{ path: string; bytes: Buffer }[]> {
  const configured = platform.config.systems.find(({ id }) => id === system)
  if (configured === undefined) {
    throw new VelocastError({
      code: 'not_found',
      message: `system is not in the configuration, add it or choose another: ${system}`,
    })
  }
  const { window_days: windowDays, reference_days: referenceDays } = platform.config.monitor
  const { window, reference } = windowPlan({ end, windowDays, referenceDays })
  const history = await openParquetHistory({ objects: platform.objects, system })
  try {
    const source = new MemoryHours()
    let newest: ReturnType<typeof newerPolls<null>> | null = null
    for (let day = floorDay(reference.start); day < end; day += DAY_MS) {
      const span = { start: Math.max(day, reference.start), end: Math.min(day + DAY_MS, end) }
      for (const [hour, bundle] of await hourBundles(history, span)) {
        source.add(hour, bundle, hour >= window.start)
      }
      for (const poll of await history.polls(span)) newest = newerPolls(newest, poll, null)
    }
    const assessment = await assess({
      system,
      timezone: configured.timezone,
      end,
      windowDays,
      referenceDays,
      source,
    })
    const artefacts: Artefact[] = [...healthArtefacts(assessment), ...driftArtefacts(assessment)]
    if (newest !== null) {
      const poll = newest.carrier?.poll
      const carrier = poll === undefined ? null : { poll, rows: await carriedRows(history, poll) }
      artefacts.push(freshnessArtefact({ newest: newest.newest, carrier }))
    }
    artefacts.push(...(await rebuildPerformance({ platform, system, end })))
    return artefacts.map((artefact) => ({
      path: artefactPath(system, artefact.name),
      bytes: artefactBytes(artefact),
    }))
  } finally {
    await history.close()
  }
}

/** How the served forecasts fared whose target is before `end`, as the stream publishes it; nothing without any. */
async function rebuildPerformance({
  platform,
  system,
  end,
}: {
  platform: Pick<Platform, 'config' | 'objects'>
  system: string
  end: number
}): Promise<Artefact[]> {
  const { horizons, monitor, systems } = platform.config
  const days = Math.max(monitor.window_days, SKILL_DAYS)
  const { start } = windowPlan({ end, windowDays: days, referenceDays: 0 }).window
  const hours = new Map<number, PerformanceState>()
  for (let day = floorDay(start); day < end; day += DAY_MS) {
    await scoreSpan({
      objects: platform.objects,
      system,
      span: { start: Math.max(day, start), end: Math.min(day + DAY_MS, end) },
      longestHorizonMs: Math.max(...horizons) * 60_000,
      take(scored) {
        const hour = floorHour(scored.forecast.target_utc)
        const state = hours.get(hour) ?? performance.empty()
        hours.set(hour, state)
        performance.add(state, scored)
      },
    })
  }
  if (hours.size === 0) return []
  const timezone = systems.find(({ id }) => id === system)?.timezone ?? 'UTC'
  return performanceArtefacts({ system, timezone, end, windowDays: monitor.window_days, hours })
}

/** Rows of the poll that carries the newest event time, as its bin's final rows have them. */
async function carriedRows(history: ParquetHistory, { ts_utc, poll_id }: PollRecord): Promise<FinalRow[]> {
  const bin = floorBin(ts_utc!)
  const rows = await history.rows({ start: bin, end: bin + BIN_MS })
  return rows.filter((row) => row.poll_id === poll_id)
}
