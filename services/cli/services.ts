import { createApiService } from '../api/service.ts'
import { createForecastService } from '../forecast/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { createMonitorService } from '../monitor/service.ts'
import type { Platform, Service } from '../platform/service.ts'
import { createSinkService } from '../sink/service.ts'
import { createTrainService } from '../train/service.ts'
import { createWindowsService } from '../windows/service.ts'
import type { RedisUse } from './redis-watch.ts'
import type { ServiceName } from './service-names.ts'

/** What each service reads or writes beside the log. */
export const NEEDS: Record<ServiceName, { redis: readonly RedisUse[]; objects: boolean }> = {
  api: { redis: ['look_ups'], objects: true },
  train: { redis: ['look_ups'], objects: true },
  monitor: { redis: [], objects: true },
  sink: { redis: [], objects: true },
  forecast: { redis: ['windows', 'look_ups'], objects: true },
  windows: { redis: ['windows'], objects: false },
  ingest: { redis: [], objects: true },
}

/** `beside`: services of the same process, whose checks the API's probes read too. */
const FACTORIES: Record<ServiceName, (platform: Platform, beside: Service[]) => Service> = {
  api: (platform, beside) => createApiService(platform, { services: () => beside }),
  train: (platform) => createTrainService(platform),
  monitor: (platform) => createMonitorService(platform),
  sink: (platform) => createSinkService(platform),
  forecast: (platform) => createForecastService(platform),
  windows: (platform) => createWindowsService(platform),
  ingest: (platform) => createIngestService(platform, { source: 'live' }),
}

export function createService(name: ServiceName, platform: Platform, beside: Service[]): Service {
  return FACTORIES[name](platform, beside)
}
