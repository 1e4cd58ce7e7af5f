import { Command } from 'commander'
import { type CommonOptions, timezone, withCommonOptions } from '../options.ts'

export interface TrainCommandOptions extends CommonOptions {
  system?: string
  timezone?: string
}

export function trainCommand(): Command {
  return withCommonOptions(new Command('train'))
    .description(
      'Train a system on its daily and monthly files, judge the model, and let it serve if it is better.',
    )
    .option('--system <id>', 'needed where several are configured')
    .option('--timezone <zone>', 'IANA time zone, for a system that is not configured', timezone)
    .action(async (options: TrainCommandOptions) => (await import('../actions/train.ts')).train(options))
}
