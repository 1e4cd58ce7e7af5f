import { createApiService } from '../api/service.ts'
import { createForecastService } from '../forecast/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { createMonitorService } from '../monitor/service.ts'
import type { Platform, Service } from '../platform/service.ts'
import { createSinkService } from '../sink/service.ts'
import { createWindowsService } from '../windows/service.ts'

/** Services that `velocast run` knows, in the order in which one process starts them: readers before writers. */
export const SERVICE_NAMES = ['api', 'monitor', 'sink', 'forecast', 'windows', 'ingest'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

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
