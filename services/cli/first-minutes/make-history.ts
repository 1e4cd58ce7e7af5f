import { join } from 'node:path'
import type { Logger } from 'pino'
import { DAY_MS } from '../../domain/bin.ts'
import { writeRecording } from '../../ingest/simulator/record.ts'
import { configSchema } from '../../platform/config.ts'
import { createSinkService } from '../../sink/service.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { everythingHandled, runServices } from '../lifecycle.ts'
import { recordedSystem, replaySource } from '../source.ts'
import { type HistoryPlan, historyPolls } from './simulated-history.ts'

/** What the process is told, once. */
export interface ToHistory {
  plan: HistoryPlan
  system: string
  /** An empty directory of its own: recording, log and store. */
  directory: string
}

/** What it says. */
export type FromHistory =
  | { kind: 'day'; day: number }
  | { kind: 'made'; store: string }
  | { kind: 'failed'; message: string }

interface HistoryOptions extends ToHistory {
  logger: Logger
  /** Called once a day of history, counted from 1, as it begins. */
  onDay: (day: number) => void
}

/** Bins that the replay may be ahead of the sink: the log holds them, not the memory. */
const BINS_AHEAD = 288

/**
 * Two weeks, or whatever the plan says, of a simulated city as daily files in a store of their own: recorded, replayed
 * through ingest into a log, sunk to bronze and compacted, each by the service that does it live. Gives the store's
 * root. Memory: a poll, and the sink's.
 */
export async function makeHistory({
  plan,
  system,
  directory,
  logger,
  onDay,
}: HistoryOptions): Promise<string> {
  const recording = join(directory, 'recording')
  await writeRecording({ polls: historyPolls(plan), directory: recording })
  const store = join(directory, 'store')
  const { timezone } = plan.city
  const config = configSchema.parse({
    systems: [recordedSystem({ system, timezone })],
    data: directory,
    storage: { root: store },
    log: { partitions: 1 },
    sink: { schedule: '*/2 * * * * *', due_hours: 0 },
  })
  const { platform, close } = await openPlatform({ config, logger })
  await prepareTopics(platform)
  const sink = createSinkService(platform)
  let told = 0
  const { service: replay, exhausted } = replaySource(platform, {
    from: recording,
    system,
    pace: { groups: ['sink'], bins: BINS_AHEAD },
    progress: ({ current_utc }) => {
      const day = current_utc === null ? 0 : Math.floor((current_utc - plan.from) / DAY_MS) + 1
      if (day <= told) return
      told = day
      onDay(day)
    },
  })
  await runServices({
    services: [sink, replay],
    logger,
    close,
    until: async (signal) => {
      await exhausted
      await everythingHandled({ services: [sink], clock: platform.clock, signal })
      if (!signal.aborted) await sink.finish()
    },
  })
  return store
}
