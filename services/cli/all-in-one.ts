import { createApiService } from '../api/service.ts'
import { createForecastService } from '../forecast/service.ts'
import type { ReplaySummary } from '../ingest/replay/progress.ts'
import { createMonitorService } from '../monitor/service.ts'
import { aborted } from '../platform/aborted.ts'
import type { Platform, Service } from '../platform/service.ts'
import { createSinkService } from '../sink/service.ts'
import { createTrainService } from '../train/service.ts'
import { createWindowsService } from '../windows/service.ts'
import { openPlatform, prepareTopics, requireStore } from './composition.ts'
import type { FirstMinutes } from './first-minutes/service.ts'
import { everythingHandled, runServices } from './lifecycle.ts'
import { createRedisWatch } from './redis-watch.ts'
import type { Setting } from './setting.ts'
import type { PollSource } from './source.ts'

export interface AllInOneOptions extends Setting {
  openSource: (platform: Platform) => PollSource
  /** End by itself once the source is exhausted: close every bin, compact what is complete, write every artefact. */
  untilExhausted: boolean
  /** A service of its own for the first model of a simulated city. */
  firstMinutes?: (platform: Platform) => FirstMinutes
  /** Called when the page can be opened. */
  started?: (url: string) => void
}

/**
 * Every service in one process. With `untilExhausted` it resolves with the source's summary when all is written,
 * else when it is stopped.
 */
export async function allInOne({
  config,
  logger,
  openSource,
  untilExhausted,
  firstMinutes,
  started,
}: AllInOneOptions): Promise<ReplaySummary | undefined> {
  const { platform, close } = await openPlatform({ config, logger })
  let source: PollSource | undefined
  let summary: ReplaySummary | undefined
  try {
    await requireStore(platform, { patient: true })
    await prepareTopics(platform)
    source = openSource(platform)
  } catch (error) {
    await close()
    throw error
  }
  const { service: ingest, exhausted, now = platform.clock.now } = source
  const windows = createWindowsService(platform)
  const forecast = createForecastService(platform)
  const sink = createSinkService(platform)
  const monitor = createMonitorService(platform)
  const learning = firstMinutes?.(platform)
  const train = createTrainService(platform, {
    onProgress: (progress) => learning?.training(progress),
  })
  const redis = createRedisWatch(platform, ['windows', 'look_ups'])
  const workers: Service[] = [redis, train, monitor, sink, forecast, windows, ingest]
  if (learning !== undefined) workers.push(learning)
  const api = createApiService(
    { ...platform, clock: { ...platform.clock, now } },
    { services: () => workers },
  )

  const until = async (signal: AbortSignal): Promise<void> => {
    started?.(api.url)
    summary = await exhausted
    if (!untilExhausted || signal.aborted) return aborted(signal)
    const readers = [windows, forecast, sink, monitor]
    await everythingHandled({ services: readers, clock: platform.clock, signal })
    for (const service of readers) if (!signal.aborted) await service.finish()
  }

  await runServices({
    services: [api, ...workers],
    logger,
    until,
    close,
  })
  return summary
}
