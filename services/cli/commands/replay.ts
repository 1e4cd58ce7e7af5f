import { Command } from 'commander'
import { openPlatform, prepareTopics } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import { type CommonOptions, setting, speed, withCommonOptions } from '../options.ts'
import { replaySource } from '../source.ts'

interface ReplayCommandOptions extends CommonOptions {
  from: string
  information?: string
  system: string
  timezone: string
  speed: number | 'max'
}

export function replayCommand(): Command {
  return withCommonOptions(new Command('replay'))
    .description(
      'Publish recorded polls to the configured log, at the pace of its readers; the services run elsewhere.',
    )
    .requiredOption('--from <path>', 'recorded status (directory, .json, .json.gz, .zip or Parquet)')
    .option('--information <path>', 'recorded station information (file or directory)')
    .requiredOption('--system <id>', 'id of the recorded system')
    .option('--timezone <zone>', 'IANA time zone of the system', 'UTC')
    .option('--speed <times>', 'times real time, or max', speed, 'max')
    .action(replay)
}

async function replay(options: ReplayCommandOptions): Promise<void> {
  const systems = [
    { id: options.system, timezone: options.timezone, discovery_url: `replay:${options.system}` },
  ]
  const { config, logger, output } = setting(options, { systems })
  const { platform, close } = await openPlatform({ config, logger })
  const progress = output.progress(options.system)
  try {
    await prepareTopics(platform)
    const source = replaySource(platform, {
      ...options,
      onProgress: ({ polls, total, eventTime, rowsPerSecond }) =>
        progress.update(polls, total, `${eventTime} ${Math.round(rowsPerSecond)} rows/s`),
    })
    await runServices({
      services: [source.service],
      logger,
      until: source.exhausted,
      close: () => source.close(),
    })
    output.result(
      await source.exhausted,
      (summary) => `${summary?.polls} polls, ${summary?.rows} rows published`,
    )
  } finally {
    progress.stop()
    await close()
  }
}
