import { probeFeed } from '../../ingest/probe.ts'
import type { Simulator } from '../../ingest/simulator/server.ts'
import { VelocastError } from '../../platform/errors.ts'
import type { Platform } from '../../platform/service.ts'
import { allInOne } from '../all-in-one.ts'
import type { UpOptions } from '../commands/up.ts'
import { createFirstMinutes, type FirstMinutes } from '../first-minutes/service.ts'
import { historySpan } from '../first-minutes/simulated-history.ts'
import { type Setting, setting } from '../setting.ts'
import {
  liveSource,
  recordedSystem,
  replaySource,
  replaySummary,
  SIMULATED_SYSTEM,
  showReplay,
  simulatedConfig,
  simulateSource,
  startCity,
} from '../source.ts'

/** How long a start waits for a feed before it runs on the simulated city. */
const PROBE_MS = 6_000

export async function up(options: UpOptions): Promise<void> {
  requireFitting(options)
  const http = { host: options.host, port: options.port }
  if (options.source === 'replay') return replay(options, http)
  const given = setting(options, { http })
  const live = options.source === 'simulate' ? null : await liveSetting(given, options)
  if (live === null) return simulate(given, options)
  await allInOne({
    ...live,
    openSource: liveSource,
    untilExhausted: false,
    started: (url) => showAddress(live, url),
  })
}

/** The setting to run live on; null when no feed answers and none was insisted on: then one line says so. */
async function liveSetting(given: Setting, { source, system }: UpOptions): Promise<Setting | null> {
  const systems = given.config.systems.filter(({ id }) => system === undefined || id === system)
  const [first, ...others] = systems
  if (first === undefined) {
    throw invalid(`--system must be one of ${given.config.systems.map(({ id }) => id).join(', ')}: ${system}`)
  }
  const chosen = { ...given, config: { ...given.config, systems } }
  if (source === 'live') return chosen
  const probes = await Promise.all(
    systems.map((each) => probeFeed({ system: each, config: given.config, timeoutMs: PROBE_MS })),
  )
  if (probes.some(({ ok }) => ok)) return chosen
  const name = `${first.name ?? first.id}${others.length > 0 ? ` and ${others.length} more` : ''}`
  given.output.line(
    `${name} can't be reached (${probes[0]?.code}; \`velocast doctor\` says more). Running on the built-in simulated city, marked SIMULATED everywhere.`,
  )
  return null
}

async function simulate(given: Setting, options: UpOptions): Promise<void> {
  const { stations, seed, start, speed: pace = 1 } = options
  if (pace === 'max') throw invalid('--speed of a simulated city must be a number: max')
  const city = await startCity({ stations, seed, speed: pace, ...(start === undefined ? {} : { start }) })
  await allInOne({
    ...given,
    config: simulatedConfig({ config: given.config, city, speed: pace }),
    openSource: (platform) => simulateSource(platform, { city, speed: pace }),
    untilExhausted: false,
    ...(options.history
      ? { firstMinutes: (platform) => firstMinutesOf(platform, { given, city, options }) }
      : {}),
    started: (url) => showAddress(given, url),
  }).finally(() => city.close())
}

function firstMinutesOf(
  platform: Platform,
  { given, city, options }: { given: Setting; city: Simulator; options: UpOptions },
): FirstMinutes {
  const { stations, seed, historyDays: days, historyStations: sample } = options
  if (sample < 1) throw invalid(`--history-stations must be at least 1: ${sample}`)
  if (days < 3) throw invalid(`--history-days must be at least 3: ${days}`)
  const { timezone, centre } = city
  return createFirstMinutes(platform, {
    system: SIMULATED_SYSTEM,
    plan: { city: { seed, stations, timezone, centre }, sample, ...historySpan({ now: city.now(), days }) },
    tell: (line) => given.output.line(line),
  })
}

async function replay(options: UpOptions, http: object): Promise<void> {
  const { from, system, information, nameTimezone, timezone = 'UTC' } = options
  if (from === undefined) throw invalid('--source replay needs --from <path> of the recorded status')
  if (system === undefined) throw invalid('--source replay needs --system <id> of the recorded system')
  const given = setting(options, { http, systems: [recordedSystem({ system, timezone })] })
  const bar = given.output.serviceProgress(system)
  const summary = await allInOne({
    ...given,
    openSource: (platform) =>
      replaySource(platform, {
        from,
        system,
        speed: options.speed ?? 'max',
        progress: showReplay(bar),
        ...(information === undefined ? {} : { information }),
        ...(nameTimezone === undefined ? {} : { nameTimezone }),
      }),
    untilExhausted: options.untilExhausted === true,
    started: (url) => given.output.line(`Open ${url}`),
  }).finally(() => bar.stop())
  if (summary !== undefined) given.output.result(summary, replaySummary)
}

/** An option that the source would not look at is a mistake that would go unseen. */
function requireFitting(options: UpOptions): void {
  const { source, from, information, timezone, nameTimezone, untilExhausted, speed, system } = options
  const ofReplay = {
    '--from': from,
    '--information': information,
    '--timezone': timezone,
    '--name-timezone': nameTimezone,
    '--until-exhausted': untilExhausted,
  }
  const others =
    source === 'live' ? { '--speed': speed } : source === 'simulate' ? { '--system': system } : {}
  const unfit = Object.entries(source === 'replay' ? {} : { ...ofReplay, ...others })
  const [name] = unfit.find(([, value]) => value !== undefined) ?? []
  if (name === undefined) return
  const remedy = name in ofReplay ? '--source replay' : 'another --source'
  throw invalid(`${name} needs ${remedy}, leave it out or change the source: ${source}`)
}

function showAddress({ output }: Setting, url: string): void {
  output.result({ url }, () => `Open ${url}`)
}

function invalid(message: string): VelocastError {
  return new VelocastError({ code: 'request_invalid', message })
}
