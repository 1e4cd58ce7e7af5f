import { Command } from 'commander'
import { topicSpecs } from '../../platform/topics.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { type CommonOptions, setting, withCommonOptions } from '../options.ts'
import { table } from '../output.ts'

const HOUR_MS = 3_600_000

export function topicsCommand(): Command {
  return withCommonOptions(new Command('topics'))
    .description('Register the schemas and create the topics that are missing; safe to run again.')
    .option('--dry-run', 'only say what would be created')
    .action(async (options: CommonOptions & { dryRun?: boolean }) => {
      const { config, logger, output } = setting(options)
      const specs = topicSpecs({ partitions: config.log.partitions })
      if (options.dryRun !== true) {
        const { platform, close } = await openPlatform({ config, logger })
        try {
          await prepareTopics(platform)
        } finally {
          await close()
        }
      }
      output.result(specs, (rows) =>
        table(
          ['TOPIC', 'PARTITIONS', 'KEPT', 'CLEANUP'],
          rows.map(({ name, partitions, retentionMs, compacted }) => [
            name,
            String(partitions),
            retentionMs === null ? 'for ever' : `${retentionMs / HOUR_MS} h`,
            compacted ? 'compact' : 'delete',
          ]),
        ),
      )
    })
}
