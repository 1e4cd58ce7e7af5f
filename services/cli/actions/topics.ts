import { topicSpecs } from '../../platform/topics.ts'
import type { TopicsOptions } from '../commands/topics.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { table } from '../output.ts'
import { setting } from '../setting.ts'

const HOUR_MS = 3_600_000

export async function topics(options: TopicsOptions): Promise<void> {
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
}
