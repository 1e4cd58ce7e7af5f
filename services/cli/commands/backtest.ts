import { access, constants, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { VelocastError } from '../../platform/errors.ts'
import { type BacktestResult, runBacktest } from '../../train/backtest.ts'
import { backtestReport } from '../../train/backtest-report.ts'
import { instant, timezone, wholeNumber } from '../options.ts'
import { createOutput, table } from '../output.ts'

interface BacktestCommandOptions {
  status: string[]
  stations: string
  weather?: string
  timezone: string
  trainUntil: number
  testUntil?: number
  horizons: number[]
  carryMinutes?: number
  out: string
  json?: boolean
}

export function backtestCommand(): Command {
  return new Command('backtest')
    .description('Train on a recording up to a moment, score the forecasts of what came after it.')
    .requiredOption('--status <parquet...>', 'status rows: ts_utc, station_id, bikes and what else is there')
    .requiredOption('--stations <csv>', 'station table: station_id, lat, lon, capacity')
    .option('--weather <parquet>', 'weather of the network: ts_utc, temp_C, precip_mm, wind_mps')
    .requiredOption('--timezone <tz>', 'local calendar, an IANA zone', timezone)
    .requiredOption('--train-until <ISO>', 'labels to train on end before it, the test begins at it', instant)
    .option('--test-until <ISO>', 'end of the test, default the end of the recording', instant)
    .addOption(
      new Option('--horizons <minutes>', 'comma-separated').default([15, 60], '15,60').argParser(horizons),
    )
    .option('--carry-minutes <n>', 'carry an observation while it is at most this old', wholeNumber)
    .requiredOption('--out <result.json>', 'where the scores go')
    .option('--json', 'one JSON document on stdout instead of text')
    .addHelpText(
      'after',
      `
Example:
  velocast backtest --status status.parquet --stations stations.csv --timezone Europe/Paris \\
      --train-until 2024-11-06 --out scores.json         scores and, beside them, scores.html`,
    )
    .action(async (options: BacktestCommandOptions) => {
      const output = createOutput({ json: options.json === true })
      await requireDirectory(options.out)
      const progress = output.progress('backtest')
      const result = await runBacktest({
        ...options,
        onProgress: ({ horizon, stage, share }) =>
          progress.update(
            Math.round(share * 1000),
            1000,
            horizon === null ? stage : `${horizon} min: ${stage}`,
          ),
      }).finally(() => progress.stop())
      const report = `${options.out.replace(/\.json$/, '')}.html`
      await writeWhole(options.out, `${JSON.stringify(result, null, 2)}\n`)
      await writeWhole(report, backtestReport(result))
      output.result(result, (shown) => `${summary(shown)}\nwritten: ${options.out}, ${report}`)
    })
}

/** Hours of training are not begun for scores that could not be written. */
async function requireDirectory(out: string): Promise<void> {
  const directory = dirname(out)
  await access(directory, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    const message = `scores cannot be written, make --out's directory or name another (${cause.code}): ${directory}`
    throw new VelocastError({ code: 'request_invalid', message, cause })
  })
}

/** A reader never sees half of a file. */
async function writeWhole(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`
  await writeFile(partial, text)
  await rename(partial, path)
}

function summary({ horizons }: BacktestResult): string {
  const share = (value: number): string => `${(value * 100).toFixed(1)} %`
  return table(
    ['horizon', 'rows', 'MAE', 'persistence', 'lift', 'RMSE', 'RMSE cut', 'stations worse', 'coverage 80'],
    Object.values(horizons).map((scores) => [
      `${scores.horizon_min} min`,
      String(scores.n),
      scores.mae_model.toFixed(4),
      scores.mae_persistence.toFixed(4),
      share(scores.lift),
      scores.rmse_model.toFixed(4),
      share(scores.rmse_cut),
      share(scores.stations_worse),
      share(scores.coverage_80),
    ]),
  )
}

function horizons(text: string): number[] {
  return text.split(',').map((part) => {
    const minutes = wholeNumber(part)
    if (minutes === 0 || minutes % 5 !== 0)
      throw new InvalidArgumentError(`needs minutes that are multiples of 5, got ${part}.`)
    return minutes
  })
}
