import { type Clock, systemClock } from '../platform/clock.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import type { ErrorCode } from '../platform/errors.ts'
import { FeedReader } from './feed-reader.ts'
import type { PollAnswer } from './poll-answer.ts'
import { pollInterval } from './poll-interval.ts'
import { fetchWeather } from './weather-loop.ts'

/** What one try at a feed told, for `velocast doctor` and for the start. */
export interface FeedProbe {
  system: string
  /** True when the feed answers with stations that can be taken. */
  ok: boolean
  /** One line for people. */
  detail: string
  reachable: boolean
  /** Address of the status file, null when discovery did not give it. */
  status_url: string | null
  version: string | null
  ttl_s: number | null
  /** Seconds between polls that follow from configuration and time to live, and why the latter is not obeyed. */
  poll_seconds: number
  ttl_ignored: string | null
  stations: number
  refused: number
  /** Stations that have a name, a place and a capacity. */
  described: number
  published_utc: number | null
  fetched_utc: number | null
  code: ErrorCode | null
  problem: string | null
  remedy: string | null
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  feed_unreachable: 'check the network and the address, or start with the simulated city (velocast simulate)',
  feed_timeout: 'try again later, or raise ingest.timeout_ms',
  feed_status: 'open the address in a browser: it may have moved, or want to be asked less often',
  feed_too_large: 'raise ingest.max_bytes if the feed is really that large',
  feed_redirects: 'give the address that the redirects end at',
  feed_malformed: 'check that the address is that of gbfs.json (discovery_url) or of its files',
  feed_no_stations: 'choose a system with stations: free-floating ones have none to forecast',
  feed_version_unknown: 'use the address of GBFS 3.0 or older, or a newer Velocast',
  feed_published_far_ahead: "wait until the publisher has mended its clock, and check this machine's",
}

export interface ProbeOptions {
  system: SystemConfig
  config: Pick<Config, 'ingest'>
  /** Default: the configured one. */
  timeoutMs?: number
  clock?: Clock
  signal?: AbortSignal
}

/** Asks a system's feed once, without retries and without publishing anything. Never throws. */
export async function probeFeed(options: ProbeOptions): Promise<FeedProbe> {
  const { system, clock = systemClock, signal = new AbortController().signal } = options
  const silent = { warn: () => {}, info: () => {} }
  const reader = new FeedReader({
    system,
    config: probeConfig(options),
    clock,
    logger: silent,
    random: () => 0.5,
    stop: signal,
    abort: signal,
  })
  const { answer } = await reader.read()
  const status = answer.kind === 'status' ? answer.status : null
  const { seconds, ignored } = pollInterval({
    pollSeconds: system.poll_seconds,
    ttlSeconds: status?.ttl_s ?? null,
  })
  const information = reader.information?.stations ?? status?.information ?? []
  const problem = problemOf(answer)
  const stations = status?.stations.length ?? 0
  return {
    system: system.id,
    ok: problem.code === null,
    detail: [
      `${stations} stations`,
      `version ${status?.version ?? 'unknown'}`,
      ignored ?? `polled every ${seconds} s`,
    ].join(', '),
    reachable: status !== null,
    status_url: reader.addresses?.status_url ?? null,
    version: status?.version ?? null,
    ttl_s: status?.ttl_s ?? null,
    poll_seconds: seconds,
    ttl_ignored: ignored,
    stations,
    refused: status?.refused.length ?? 0,
    described: information.filter(
      ({ name, lat, capacity }) => name !== null && lat !== null && capacity !== null,
    ).length,
    published_utc: status?.published_utc ?? null,
    fetched_utc: answer.fetched_utc,
    ...problem,
  }
}

/**
 * Asks for a system's weather once and says what came. Throws VelocastError `weather_unreachable`,
 * `weather_malformed`, `weather_unit`; gives a line that says so for a system without a weather point.
 */
export async function probeWeather(options: ProbeOptions): Promise<string> {
  const { system, clock = systemClock, signal } = options
  if (system.weather === null) return 'no weather point configured'
  const { hours } = await fetchWeather({
    system: system.id,
    point: system.weather,
    config: probeConfig(options),
    clock,
    ...(signal === undefined ? {} : { abort: signal }),
  })
  const last = hours.at(-1)?.hour_utc
  return `${hours.length} hours${last === undefined ? '' : ` until ${new Date(last).toISOString()}`}`
}

function probeConfig({ config, timeoutMs }: ProbeOptions): Config['ingest'] {
  return { ...config.ingest, retries: 0, timeout_ms: timeoutMs ?? config.ingest.timeout_ms }
}

function problemOf(answer: PollAnswer): Pick<FeedProbe, 'code' | 'problem' | 'remedy'> {
  if (answer.kind === 'failed') {
    return { code: answer.code, problem: answer.message, remedy: REMEDIES[answer.code] ?? null }
  }
  if (answer.kind === 'status' && answer.status.stations.length === 0) {
    const { message } = answer.status.refused[0] ?? { message: 'every station was refused' }
    return { code: 'feed_no_stations', problem: message, remedy: REMEDIES.feed_malformed ?? null }
  }
  return { code: null, problem: null, remedy: null }
}
