import { Command } from 'commander'
import { type CommonOptions, withCommonOptions } from '../options.ts'

export function doctorCommand(): Command {
  return withCommonOptions(new Command('doctor'))
    .description('Check brokers, registry, Redis, bucket, feeds and weather, and say what to do.')
    .action(async (options: CommonOptions) => (await import('../actions/doctor.ts')).doctor(options))
}
