import { Command, Option } from 'commander'
import { type CommonOptions, instant, speed, timezone, wholeNumber, withCommonOptions } from '../options.ts'

export interface UpOptions extends CommonOptions {
  source: 'auto' | 'live' | 'replay' | 'simulate'
  from?: string
  information?: string
  system?: string
  timezone?: string
  nameTimezone?: string
  speed?: number | 'max'
  untilExhausted?: boolean
  host?: string
  port?: number
  stations: number
  seed: number
  start?: number
  history: boolean
  historyDays: number
  historyStations: number
}

export function upCommand(): Command {
  return withCommonOptions(new Command('up'))
    .description('Run everything in one process: no Kafka, no Redis, nothing to prepare.')
    .addOption(
      new Option('--source <source>', 'auto: the live feed if it can be reached, else the simulated city')
        .choices(['auto', 'live', 'replay', 'simulate'])
        .default('auto'),
    )
    .option('--from <path>', 'replay, needed: recorded status (directory, .json, .json.gz, .zip or Parquet)')
    .option('--information <path>', 'replay: recorded station information (file or directory)')
    .option('--system <id>', 'live: only this configured system; replay, needed: id of the recorded system')
    .option('--timezone <zone>', 'replay: IANA time zone of the system (default UTC)', timezone)
    .option(
      '--name-timezone <zone>',
      'replay: zone of times in file names that state none; told from the files',
      timezone,
    )
    .option(
      '--speed <times>',
      'replay and simulate: times real time, or max (replay: max; simulate: 1)',
      speed,
    )
    .option('--until-exhausted', 'replay: stop after the last poll, with every file and artefact written')
    .option('--stations <count>', 'simulate: stations of the city', wholeNumber, 1500)
    .option('--seed <number>', 'simulate: same seed, same city', wholeNumber, 1)
    .option('--start <ISO>', "simulate: the city's time at the start (default: now)", instant)
    .option('--no-history', 'simulate: no simulated past, no first model; persistence forecasts')
    .option('--history-days <count>', 'simulate: days of simulated past to learn from', wholeNumber, 14)
    .option('--history-stations <count>', 'simulate: stations that the past is of', wholeNumber, 100)
    .option('--host <address>', 'address of the page and API (default 127.0.0.1, only this machine)')
    .option('--port <number>', 'port of the page and API (default 8080); 0 takes a free one', wholeNumber)
    .addHelpText(
      'after',
      `
Examples:
  velocast up                                           live, or a simulated city if the feed can't be reached
  velocast up --source simulate --stations 300 --speed 30
  velocast up --source replay --from raw/ --information raw_information/ --system baywheels \\
      --timezone America/Los_Angeles --until-exhausted --data out`,
    )
    .action(async (options: UpOptions) => (await import('../actions/up.ts')).up(options))
}
