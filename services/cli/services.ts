import { createApiService } from '../api/service.ts'
import { createForecastService } from '../forecast/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { createMonitorService } from '../monitor/service.ts'
import type { Platform, Service } from '../platform/service.ts'
import { createSinkService } from '../sink/service.ts'
import { createWindowsService } from '../windows/service.ts'
import type { RedisUse } from './redis-watch.ts'
import type { ServiceName } from './service-names.ts'

/** What each service keeps in Redis or looks up there. */
export const REDIS_USES: Record<ServiceName, readonly RedisUse[]> = {
  api: ['look_ups'],
  monitor: [],
  sink: [],
  forecast: ['windows', 'look_ups'],
  windows: ['windows'],
  ingest: [],
}

/** `beside`: services of the same process, whose checks the API's probes read too. */
const FACTORIES: Record<ServiceName, (platform: Platform, beside: Service[]) => Service> = {
  api: (platform, beside) => createApiService(platform, { services: () => beside }),
  monitor: (platform) => createMonitorService(platform),
  sink: (platform) => createSinkService(platform),
  forecast: (platform) => createForecastService(platform),
  windows: (platform) => createWindowsService(platform),
  ingest: (platform) => createIngestService(platform, { source: 'live' }),
}

export function createService(name: ServiceName, platform: Platform, beside: Service[]): Service {
  return FACTORIES[name](platform, beside)
}
