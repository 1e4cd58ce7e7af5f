import { Command } from 'commander'
import { openPlatform, prepareTopics } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import { type CommonOptions, setting, speed, withCommonOptions } from '../options.ts'
import { recordedSystem, replaySource, replaySummary, showReplay } from '../source.ts'

interface ReplayCommandOptions extends CommonOptions {
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
    .option('--timezone <zone>', 'IANA time zone of the system', 'UTC')
    .option('--name-timezone <zone>', 'zone of times in file names that state none; told from the files')
    .option('--speed <times>', 'times real time, or max', speed, 'max')
    .option('--restart', 'begin at the beginning even where an earlier replay stopped')
    .action(replay)
}

async function replay(options: ReplayCommandOptions): Promise<void> {
  const { config, logger, output } = setting(options, { systems: [recordedSystem(options)] })
  const { platform, close } = await openPlatform({ config, logger })
  const bar = output.progress(options.system)
  let closed = false
  try {
    await prepareTopics(platform)
    const { from, system, information, nameTimezone, restart } = options
    const source = replaySource(platform, {
      from,
      system,
      speed: options.speed,
      progress: showReplay(bar),
      ...(information === undefined ? {} : { information }),
      ...(nameTimezone === undefined ? {} : { nameTimezone }),
      ...(restart === undefined ? {} : { restart }),
    })
    closed = true
    await runServices({ services: [source.service], logger, until: () => source.exhausted, close })
    const summary = await source.exhausted
    bar.stop()
    if (summary !== undefined) output.result(summary, replaySummary)
  } finally {
    bar.stop()
    if (!closed) await close()
  }
}
