import { readJson } from '../domain/gbfs/envelope.ts'
import { parseOpenMeteo, weatherAddress, weatherPoint } from '../domain/open-meteo.ts'
import { ReadingError } from '../domain/reading-error.ts'
import type { WeatherReport } from '../domain/weather.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import { VelocastError } from '../platform/errors.ts'
import type { Platform } from '../platform/service.ts'
import { fetchOnce } from './http-fetch.ts'
import { ingestMetrics } from './metrics.ts'
import { failureOf } from './reading-failure.ts'

/** After a fault the provider is asked again this soon, or at the configured interval where that is shorter. */
const RETRY_SECONDS = 60
/** The first poll waits no longer than this for the first weather. */
const FIRST_WEATHER_MS = 5_000

export interface WeatherLoopOptions {
  system: SystemConfig
  config: Config['ingest']
  clock: Clock
  logger: Pick<Platform['logger'], 'warn'>
  metrics: Platform['metrics']
  /** Takes a report; its errors count as a failed request. */
  deliver: (report: WeatherReport) => Promise<void>
  stop: AbortSignal
  abort: AbortSignal
}

/**
 * Asks Open-Meteo for a point's weather. Throws VelocastError `weather_unreachable` (retryable), `weather_malformed`,
 * `weather_unit`.
 */
export async function fetchWeather(options: {
  system: string
  point: { lat: number; lon: number }
  config: Config['ingest']
  clock: Clock
  abort?: AbortSignal
  timeoutMs?: number
}): Promise<WeatherReport> {
  const { system, point, config, clock } = options
  const url = weatherAddress({ base: config.weather_url, ...point })
  const limits = { ...config, timeout_ms: options.timeoutMs ?? config.timeout_ms }
  try {
    const fetched = await fetchOnce({
      url,
      limits,
      ...(options.abort === undefined ? {} : { signal: options.abort }),
    })
    if (fetched.kind !== 'body') throw new Error('answer is 304 to an unconditional request')
    const json = readJson(fetched.body)
    return parseOpenMeteo({ json, system, point: weatherPoint(point), issuedUtc: clock.now() })
  } catch (error) {
    if (error instanceof ReadingError) {
      throw new VelocastError({
        code: error.code === 'feed_malformed' ? 'weather_malformed' : error.code,
        message: error.message,
        cause: error,
      })
    }
    throw new VelocastError({
      code: 'weather_unreachable',
      message: `weather can't be had: observations go on with null weather, got ${failureOf(error).message}`,
      retryable: true,
      cause: error,
    })
  }
}

/**
 * Keeps a system's weather fresh until `stop`. A fault is logged, counted and tried again within a minute; it never
 * holds or costs a poll. `first` resolves after the first try, good or bad, or after 5 s.
 */
export function startWeatherLoop(options: WeatherLoopOptions): { first: Promise<void>; done: Promise<void> } {
  const { system, config, clock, logger, deliver, stop, abort } = options
  const point = system.weather
  if (point === null) return { first: Promise.resolve(), done: Promise.resolve() }
  const metrics = ingestMetrics(options.metrics)

  async function once(timeoutMs?: number): Promise<boolean> {
    try {
      const report = await fetchWeather({
        system: system.id,
        point: point as { lat: number; lon: number },
        config,
        clock,
        abort,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      })
      await deliver(report)
      metrics.weather.inc({ system: system.id, outcome: 'ok' })
      return true
    } catch (error) {
      const { code, message } = failureOf(error)
      metrics.weather.inc({ system: system.id, outcome: code })
      logger.warn({ system: system.id, code }, message)
      return false
    }
  }

  const first = once(Math.min(config.timeout_ms, FIRST_WEATHER_MS))
  const loop = async (): Promise<void> => {
    let good = await first
    while (!stop.aborted) {
      const seconds = good ? config.weather_seconds : Math.min(RETRY_SECONDS, config.weather_seconds)
      await clock.sleep(seconds * 1000, stop)
      if (!stop.aborted) good = await once()
    }
  }
  return { first: first.then(() => undefined), done: loop() }
}
