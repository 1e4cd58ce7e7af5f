import { Registry } from 'prom-client'
import { VelocastError } from '../../platform/errors.ts'
import { createTrainingMetrics } from '../../train/metrics.ts'
import { runTraining } from '../../train/run.ts'
import type { TrainingRun } from '../../train/run-record.ts'
import type { TrainCommandOptions } from '../commands/train.ts'
import { openPlatform } from '../composition.ts'
import { oneSystemOf, setting } from '../setting.ts'
import { recordedSystem } from '../source.ts'

/** Runs a training to its end, or the one that waits to be taken up. The first signal stops it and hands it back. */
export async function train(options: TrainCommandOptions): Promise<void> {
  const { system: named, timezone } = options
  const { config, logger, output } = setting(
    options,
    timezone === undefined || named === undefined
      ? {}
      : { systems: [recordedSystem({ system: named, timezone })] },
    { logging: { level: 'warn' } },
  )
  const system = oneSystemOf(config, named)
  if (!config.systems.some(({ id }) => id === system)) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `system is not configured, give its --timezone: ${system}`,
    })
  }
  const { platform, close } = await openPlatform({ config, logger })
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const bar = output.progress(system)
  try {
    const run = await runTraining({
      platform,
      system,
      metrics: createTrainingMetrics(new Registry()),
      trigger: 'command',
      signal: stopping.signal,
      onProgress: ({ stage, share }) => bar.update(Math.round(share * 1000), 1000, stage),
    }).finally(() => bar.stop())
    if (run === null) return
    output.result(run, describe)
    if (run.status !== 'succeeded') throw endedWithout(run)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await close()
  }
}

function describe({ run_id, status, inputs, gate, outputs }: TrainingRun): string {
  const judged = gate.map(({ horizon, passed, figures, champion }) => {
    const lift =
      figures.lift === null || figures.lift === undefined ? '' : `${(figures.lift * 100).toFixed(1)} %`
    const rival =
      champion === null ? '' : `, champion ${champion.version} MAE ${champion.figures.mae_model?.toFixed(4)}`
    return `  ${horizon} min: ${passed ? 'passed' : 'refused'}, MAE ${figures.mae_model?.toFixed(4)}, persistence ${figures.mae_persistence?.toFixed(4)}, lift ${lift}${rival}`
  })
  const { base } = inputs
  return [
    `run ${run_id}: ${status}`,
    ...(base === null
      ? []
      : [
          `  ${base.rows_read} rows of ${base.stations} stations, ${base.days} days, ${base.from_utc} to ${base.until_utc}`,
        ]),
    ...judged,
    ...(outputs === null ? [] : [`  version ${outputs.version} forecasts from ${outputs.effective_from}`]),
  ].join('\n')
}

function endedWithout({ status, reason }: TrainingRun): VelocastError {
  const code = status === 'aborted' ? 'training_aborted' : 'internal'
  const message = `training ${status}, the serving model is as before: ${reason?.message} (${reason?.code})`
  return new VelocastError({ code, message })
}
