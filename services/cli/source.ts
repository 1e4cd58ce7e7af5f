import type { ReplayProgress, ReplaySummary } from '../ingest/replay/progress.ts'
import { createReplayService, type ReplayServiceOptions } from '../ingest/replay/service.ts'
import { createIngestService } from '../ingest/service.ts'
import { type Simulator, startSimulator } from '../ingest/simulator/server.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import type { Platform, Service } from '../platform/service.ts'
import type { Progress } from './output.ts'

/** The system that stands for the built-in city; its id says so in every path, key and page. */
export const SIMULATED_SYSTEM = 'simulated-city'

/** Where a process's polls come from. */
export interface PollSource {
  service: Service
  /** Settles when there will be no more polls; never for a source without end. */
  exhausted: Promise<ReplaySummary | undefined>
  /** What time it is where the polls come from, where that is not here: ages are told by it. */
  now?: () => number
}

const NEVER: Promise<undefined> = new Promise(() => {})

export function liveSource(platform: Platform): PollSource {
  return { service: createIngestService(platform, { source: 'live' }), exhausted: NEVER }
}

export function replaySource(platform: Platform, options: ReplayServiceOptions): PollSource {
  const service = createReplayService(platform, options)
  return { service, exhausted: service.exhausted }
}

/**
 * Starts the built-in city on a free port of the loopback; `simulatedConfig` points a configuration at it. `start` is
 * the city's time then, epoch ms; now where absent.
 */
export function startCity(options: {
  stations: number
  seed: number
  speed: number
  start?: number
}): Promise<Simulator> {
  return startSimulator({ host: '127.0.0.1', port: 0, version: '2.3', ...options })
}

/**
 * A configuration that follows the city only. Seconds between polls are the city's: one poll a simulated minute, and
 * at great speeds no more than one a second of ours.
 */
export function simulatedConfig({
  config,
  city,
  speed,
}: {
  config: Config
  city: Simulator
  speed: number
}): Config {
  const system: SystemConfig = {
    id: SIMULATED_SYSTEM,
    name: 'Simulated city',
    discovery_url: city.discoveryUrl,
    timezone: city.timezone,
    weather: city.centre,
    poll_seconds: Math.min(3_600, Math.max(60, Math.ceil(speed))),
  }
  return { ...config, systems: [system], ingest: { ...config.ingest, weather_url: city.weatherUrl } }
}

/** Polls the city by its own time, so that a poll is fetched when it was published, at any speed. */
export function simulateSource(
  platform: Platform,
  { city, speed }: { city: Simulator; speed: number },
): PollSource {
  const clock: Clock = {
    now: () => city.now(),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  }
  return {
    service: createIngestService({ ...platform, clock }, { source: 'simulate' }),
    exhausted: NEVER,
    now: () => city.now(),
  }
}

/** The configuration entry that stands for a recorded system: its feed is not asked. */
export function recordedSystem({ system, timezone }: { system: string; timezone: string }): object {
  return { id: system, timezone, discovery_url: `replay:${system}` }
}

/** Shows a replay on a terminal. */
export function showReplay(bar: Progress): (progress: ReplayProgress) => void {
  return ({ polls, total, current_utc, rowsPerSecond, waitingFor }) => {
    const at = current_utc === null ? '' : new Date(current_utc).toISOString().slice(0, 16)
    const waiting = waitingFor === null ? '' : `, waiting for ${waitingFor}`
    bar.update(polls, total, `${at}Z ${Math.round(rowsPerSecond)} rows/s${waiting}`)
  }
}

export function replaySummary({
  polls,
  rows,
  bins,
  first_utc,
  last_utc,
  seconds,
  skipped,
  finished,
}: ReplaySummary): string {
  const time = (utc: number | null): string => (utc === null ? 'nothing' : new Date(utc).toISOString())
  const left = Object.entries(skipped).map(([reason, count]) => `${count} left out (${reason})`)
  const facts = [
    `${polls} polls, ${rows} rows, ${bins} bins`,
    `${time(first_utc)} to ${time(last_utc)}`,
    `${seconds.toFixed(1)} s`,
    ...left,
  ]
  return `${finished ? 'replayed' : 'stopped before the end'}: ${facts.join(', ')}`
}
