import { createApiService } from '../api/service.ts'
import { createForecastService } from '../forecast/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { createMonitorService } from '../monitor/service.ts'
import type { Platform, Service } from '../platform/service.ts'
import { createSinkService } from '../sink/service.ts'
import { createWindowsService } from '../windows/service.ts'
import type { ServiceName } from './service-names.ts'

const FACTORIES: Record<ServiceName, (platform: Platform) => Service> = {
  api: (platform) => createApiService(platform),
  monitor: (platform) => createMonitorService(platform),
  sink: (platform) => createSinkService(platform),
  forecast: (platform) => createForecastService(platform),
  windows: (platform) => createWindowsService(platform),
  ingest: (platform) => createIngestService(platform, { source: 'live' }),
}

export function createService(name: ServiceName, platform: Platform): Service {
  return FACTORIES[name](platform)
}
