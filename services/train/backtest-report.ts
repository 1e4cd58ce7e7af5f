import type { BacktestResult } from './backtest.ts'
import { hourPlot } from './plots.ts'

/** One self-contained HTML page of a backtest: the scores of each horizon and its lift by local hour. No script, no link. */
export function backtestReport(result: BacktestResult): string {
  const sections = Object.values(result.horizons).map((scores) => {
    const rows: [string, string][] = [
      ['rows', scores.n.toLocaleString('en')],
      ['MAE of the rounded median', bikes(scores.mae_model)],
      ['MAE of persistence', bikes(scores.mae_persistence)],
      ['lift', `${percent(scores.lift)}${interval(scores.lift_interval)}`],
      ['RMSE of the mean', bikes(scores.rmse_model)],
      ['RMSE of persistence', bikes(scores.rmse_persistence)],
      ['RMSE cut', percent(scores.rmse_cut)],
      ['hours more than 1 % worse', `${scores.hours_worse} of ${scores.hours}`],
      [
        'stations worse, beyond noise',
        `${percent(scores.stations_worse)}, ${percent(scores.stations_worse_beyond_noise)} of ${scores.stations}`,
      ],
      [
        '80 % band: coverage, PIT coverage',
        `${percent(scores.coverage_80)}, ${percent(scores.pit_coverage_80)}`,
      ],
      ['80 % band: width, interval score', `${bikes(scores.width_80)}, ${bikes(scores.interval_score_80)}`],
      ['P(a bike): ECE, Brier score', `${percent(scores.ece_bike)}, ${scores.p_bike.model.brier.toFixed(4)}`],
      ['P(a dock): ECE, Brier score', `${percent(scores.ece_dock)}, ${scores.p_dock.model.brier.toFixed(4)}`],
      ['trained', `${scores.training.rows.toLocaleString('en')} rows in ${scores.training.seconds} s`],
    ]
    const cells = rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`)
    return `<section><h2>${scores.horizon_min} minutes</h2><table>${cells.join('')}</table>
<h3>Lift over persistence by local hour</h3>${hourPlot(scores.by_hour)}</section>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Backtest</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse } th, td { padding: 0.2rem 1rem 0.2rem 0; text-align: left; font-weight: 400 }
td { font-variant-numeric: tabular-nums } svg { width: 100%; height: auto }
</style></head><body>
<h1>Backtest</h1>
<p>${result.stations.toLocaleString('en')} stations, ${result.rows_read.toLocaleString('en')} status rows, local time
${escaped(result.timezone)}. Trained on labels before ${result.train_until}, tested on what came after, until
${result.test_until}: every row in service at both ends. Errors are in bikes.</p>
${sections.join('\n')}
</body></html>
`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function bikes(value: number): string {
  return value.toFixed(4)
}

function interval(range: { low: number; high: number } | null): string {
  return range === null ? '' : ` (${percent(range.low)} to ${percent(range.high)}, days drawn)`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
