import { Command } from 'commander'
import { type CommonOptions, withCommonOptions } from '../options.ts'

export interface TopicsOptions extends CommonOptions {
  dryRun?: boolean
}

export function topicsCommand(): Command {
  return withCommonOptions(new Command('topics'))
    .description('Register the schemas and create the topics that are missing; safe to run again.')
    .option('--dry-run', 'only say what would be created')
    .action(async (options: TopicsOptions) => (await import('../actions/topics.ts')).topics(options))
}
