import { Command } from 'commander'
import { type CommonOptions, speed, timezone, withCommonOptions } from '../options.ts'

export interface ReplayCommandOptions extends CommonOptions {
  from: string
  information?: string
  system: string
  timezone: string
  nameTimezone?: string
  speed: number | 'max'
  restart?: boolean
}

export function replayCommand(): Command {
  return withCommonOptions(new Command('replay'))
    .description(
      'Publish recorded polls to the configured log, at the pace of its readers; the services run elsewhere.',
    )
    .requiredOption('--from <path>', 'recorded status (directory, .json, .json.gz, .zip or Parquet)')
    .option('--information <path>', 'recorded station information (file or directory)')
    .requiredOption('--system <id>', 'id of the recorded system')
    .option('--timezone <zone>', 'IANA time zone of the system', timezone, 'UTC')
    .option(
      '--name-timezone <zone>',
      'zone of times in file names that state none; told from the files',
      timezone,
    )
    .option('--speed <times>', 'times real time, or max', speed, 'max')
    .option('--restart', 'begin at the beginning even where an earlier replay stopped')
    .action(async (options: ReplayCommandOptions) => (await import('../actions/replay.ts')).replay(options))
}
