import type { ReplayCommandOptions } from '../commands/replay.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import { setting } from '../setting.ts'
import { recordedSystem, replaySource, replaySummary, showReplay } from '../source.ts'

export async function replay(options: ReplayCommandOptions): Promise<void> {
  const { config, logger, output } = setting(options, { systems: [recordedSystem(options)] })
  const { platform, close } = await openPlatform({ config, logger })
  const bar = output.serviceProgress(options.system)
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
