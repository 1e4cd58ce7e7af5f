import { Command, Option } from 'commander'
import { probeFeed } from '../../ingest/probe.ts'
import type { ReplayProgress } from '../../ingest/replay/service.ts'
import { VelocastError } from '../../platform/errors.ts'
import { type AllInOneOptions, allInOne } from '../all-in-one.ts'
import {
  type CommonOptions,
  type Setting,
  setting,
  speed,
  wholeNumber,
  withCommonOptions,
} from '../options.ts'
import { liveSource, replaySource, simulatedConfig, simulateSource, startCity } from '../source.ts'

/** How long a start waits for a feed before it runs on the simulated city. */
const PROBE_MS = 6_000

interface UpOptions extends CommonOptions {
  source: 'auto' | 'live' | 'replay' | 'simulate'
  from?: string
  information?: string
  system?: string
  timezone: string
  speed?: number | 'max'
  untilExhausted?: boolean
  host?: string
  port?: number
  stations: number
  seed: number
}

export function upCommand(): Command {
  return withCommonOptions(new Command('up'))
    .description('Run everything in one process: no Kafka, no Redis, nothing to prepare.')
    .addOption(
      new Option('--source <source>', 'auto: the live feed if it can be reached, else the simulated city')
        .choices(['auto', 'live', 'replay', 'simulate'])
        .default('auto'),
    )
    .option('--from <path>', 'replay: recorded status (directory, .json, .json.gz, .zip or Parquet)')
    .option('--information <path>', 'replay: recorded station information (file or directory)')
    .option('--system <id>', 'live: only this configured system; replay: id of the recorded system')
    .option('--timezone <zone>', 'replay: IANA time zone of the system', 'UTC')
    .option(
      '--speed <times>',
      'replay and simulate: times real time, or max (replay; default max, simulate 1)',
      speed,
    )
    .option('--until-exhausted', 'replay: stop after the last poll, with every file and artefact written')
    .option('--stations <count>', 'simulate: stations of the city', wholeNumber, 1500)
    .option('--seed <number>', 'simulate: same seed, same city', wholeNumber, 1)
    .option('--host <address>', 'address of the page and API')
    .option('--port <number>', 'port of the page and API; 0 takes a free one', wholeNumber)
    .action(up)
}

async function up(options: UpOptions): Promise<void> {
  const http = { host: options.host, port: options.port }
  if (options.source === 'replay') return replay(options, http)
  const given = setting(options, { http })
  const started = (url: string): void => given.output.result({ url }, () => `Open ${url}`)
  const live = options.source === 'simulate' ? null : await liveSetting(given, options)
  if (live !== null) {
    await allInOne({ ...live, openSource: liveSource, untilExhausted: false, started })
    return
  }
  if (options.speed === 'max') throw invalid('--speed max is for replays; a simulated city takes a number')
  const city = await startCity({ stations: options.stations, seed: options.seed, speed: options.speed ?? 1 })
  await allInOne({
    ...given,
    config: simulatedConfig(given.config, city),
    openSource: (platform) => simulateSource(platform, city),
    untilExhausted: false,
    started,
  })
}

/** The setting to run live on; null when no feed answers and none was insisted on: then the line says so. */
async function liveSetting(given: Setting, { source, system }: UpOptions): Promise<Setting | null> {
  const systems = given.config.systems.filter(({ id }) => system === undefined || id === system)
  if (systems.length === 0) {
    throw invalid(`--system must be one of ${given.config.systems.map(({ id }) => id).join(', ')}: ${system}`)
  }
  const setting = { ...given, config: { ...given.config, systems } }
  if (source === 'live') return setting
  const probes = await Promise.all(
    systems.map((each) => probeFeed({ system: each, config: given.config, timeoutMs: PROBE_MS })),
  )
  if (probes.some(({ ok }) => ok)) return setting
  const [first] = systems
  const others = systems.length > 1 ? ` and ${systems.length - 1} more` : ''
  given.output.line(
    `${first?.name ?? first?.id}${others} can't be reached (${probes[0]?.problem}); running on the built-in simulated city, marked SIMULATED.`,
  )
  return null
}

async function replay(options: UpOptions, http: AllInOneOptions['config']['http'] | object): Promise<void> {
  const { from, system } = options
  if (from === undefined) throw invalid('--source replay needs --from <path> of the recorded status')
  if (system === undefined) throw invalid('--source replay needs --system <id> of the recorded system')
  const systems = [{ id: system, timezone: options.timezone, discovery_url: `replay:${system}` }]
  const given = setting(options, { http, systems })
  const progress = given.output.progress(system)
  const summary = await allInOne({
    ...given,
    openSource: (platform) =>
      replaySource(platform, {
        from,
        information: options.information,
        system,
        timezone: options.timezone,
        speed: options.speed ?? 'max',
        onProgress: ({ polls, total, eventTime, rowsPerSecond }: ReplayProgress) =>
          progress.update(polls, total, `${eventTime} ${Math.round(rowsPerSecond)} rows/s`),
      }),
    untilExhausted: options.untilExhausted === true,
    started: (url) => given.output.line(`Open ${url}`),
  }).finally(() => progress.stop())
  if (summary !== undefined) {
    given.output.result(
      summary,
      ({ polls, rows, first, last }) => `${polls} polls, ${rows} rows from ${first} to ${last}`,
    )
  }
}

function invalid(message: string): VelocastError {
  return new VelocastError({ code: 'request_invalid', message })
}
