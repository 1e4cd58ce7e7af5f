import { openPlatform } from '../composition.ts'
import { EXIT } from '../exit-code.ts'
import type { CommonOptions } from '../options.ts'
import { table } from '../output.ts'
import { checkParity, type ParityReport } from '../parity/parity.ts'
import { requireKnownSystems, setting, systemsOf } from '../setting.ts'

/** Prints each feature's largest difference; exit code 1 when any is not 0, and when nothing could be compared. */
export async function parity(options: CommonOptions & { day: string; system?: string }): Promise<void> {
  const { config, logger, output } = setting(options, { logging: { level: 'warn' } })
  const { platform, close } = await openPlatform({ config, logger })
  try {
    const reports: ParityReport[] = []
    const systems = systemsOf(config, options.system)
    await requireKnownSystems(platform, systems)
    for (const system of systems) {
      const bar = output.progress(system)
      const onProgress = (done: number, total: number): void => bar.update(done, total, 'hours')
      const { day } = options
      reports.push(await checkParity({ platform, system, day, onProgress }).finally(() => bar.stop()))
    }
    output.result(reports, (all) => all.map(describe).join('\n\n'))
    if (reports.some(({ differing, compared }) => differing > 0 || compared === 0))
      process.exitCode = EXIT.failed
  } finally {
    await close()
  }
}

function describe({ system, day, logged, compared, revised, unavailable, features }: ParityReport): string {
  const head = `${system} ${day}: ${logged} logged inputs, ${compared} compared, ${revised} revised by late rows, ${unavailable} without their model`
  if (features.length === 0) {
    return `${head}\nnothing was compared: look at --day, and whether forecast.sample_share was above 0 then`
  }
  const rows = features.map(({ horizon_min, model_version, feature, compared: n, largest_difference }) => [
    `${horizon_min} min`,
    model_version,
    feature,
    String(n),
    largest_difference === null ? 'known on one side only' : String(largest_difference),
  ])
  return `${head}\n${table(['horizon', 'model', 'feature', 'compared', 'largest difference'], rows)}`
}
