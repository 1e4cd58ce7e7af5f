import { createReplayService, type ReplayProgress, type ReplaySummary } from '../ingest/replay/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { type Simulator, startSimulator } from '../ingest/simulator/server.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import type { Platform, Service } from '../platform/service.ts'

/** The system that stands for the built-in city; its id says so in every path, key and page. */
export const SIMULATED_SYSTEM = 'simulated-city'

/** Where a process's polls come from. */
export interface PollSource {
  service: Service
  /** Settles when there will be no more polls; never for a source without end. */
  exhausted: Promise<ReplaySummary | undefined>
  close(): Promise<void>
}

const NEVER: Promise<undefined> = new Promise(() => {})

export function liveSource(platform: Platform): PollSource {
  return {
    service: createIngestService(platform, { source: 'live' }),
    exhausted: NEVER,
    close: async () => {},
  }
}

export interface ReplayOptions {
  from: string
  information?: string | undefined
  system: string
  timezone: string
  speed: number | 'max'
  onProgress?: (progress: ReplayProgress) => void
}

export function replaySource(platform: Platform, options: ReplayOptions): PollSource {
  const service = createReplayService(platform, options)
  return { service, exhausted: service.exhausted, close: async () => {} }
}

/** Starts the built-in city on a free port of the loopback; `simulatedConfig` points a configuration at it. */
export function startCity(options: { stations: number; seed: number; speed: number }): Promise<Simulator> {
  return startSimulator({ host: '127.0.0.1', port: 0, version: '2.3', ...options })
}

export function simulatedConfig(config: Config, city: Simulator): Config {
  const system: SystemConfig = {
    id: SIMULATED_SYSTEM,
    name: 'Simulated city',
    discovery_url: city.discoveryUrl,
    timezone: 'Europe/Paris',
    weather: { lat: 48.8566, lon: 2.3522 },
    poll_seconds: 60,
  }
  return { ...config, systems: [system], ingest: { ...config.ingest, weather_url: city.weatherUrl } }
}

export function simulateSource(platform: Platform, city: Simulator): PollSource {
  return {
    service: createIngestService(platform, { source: 'simulate' }),
    exhausted: NEVER,
    close: () => city.close(),
  }
}
