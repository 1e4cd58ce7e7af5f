import type { JobOptions, Progress as JobProgress } from '../sink/compaction/job.ts'
import { openPlatform, requireStore } from './composition.ts'
import type { JobCommandOptions } from './options.ts'
import type { Progress } from './output.ts'
import { requireKnownSystems, setting, systemsOf } from './setting.ts'

/** How long a job by hand waits for the service's own run of it. */
const WAIT_MS = 60_000

/** Runs a job over the files of one system or of all, and prints its reports. */
export async function runJobs<Report extends { outcome: string }>(
  options: JobCommandOptions,
  { job, text }: { job: (context: JobOptions) => Promise<Report>; text: (report: Report) => string },
): Promise<void> {
  const { config, logger, output } = setting(options, {}, { logging: { level: 'warn' } })
  const dryRun = options.dryRun === true || /^(1|true)$/i.test(process.env.DRY_RUN ?? '')
  const { platform, close } = await openPlatform({ config, logger })
  try {
    await requireStore(platform)
    const systems = systemsOf(config, options.system)
    await requireKnownSystems(platform, systems)
    const reports: Report[] = []
    for (const system of systems) {
      const bar = output.progress(system)
      reports.push(
        await job({ platform, system, dryRun, waitMs: WAIT_MS, onProgress: show(bar) }).finally(() =>
          bar.stop(),
        ),
      )
    }
    output.result(reports, (all) =>
      all.map((report) => `${dryRun ? 'dry run: ' : ''}${text(report)}`).join('\n'),
    )
  } finally {
    await close()
  }
}

function show(bar: Progress): (progress: JobProgress) => void {
  return ({ step, done, total }) => bar.update(done, total, step)
}
