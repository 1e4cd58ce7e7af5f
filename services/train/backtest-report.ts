import type { BacktestResult } from './backtest.ts'

const WIDTH = 720
const HEIGHT = 200
const LEFT = 48
const BAR = (WIDTH - LEFT) / 24

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
      ['stations worse', `${percent(scores.stations_worse)} of ${scores.stations}`],
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

function hourPlot(hours: BacktestResult['horizons'][string]['by_hour']): string {
  const largest = Math.max(0.01, ...hours.map(({ lift }) => Math.abs(lift)))
  const middle = HEIGHT / 2
  const scale = (middle - 20) / largest
  const bars = hours.map(({ hour, lift, n }) => {
    const height = Math.abs(lift) * scale
    const y = lift >= 0 ? middle - height : middle
    const x = LEFT + hour * BAR
    const label = `${hour} h: ${percent(lift)} of ${n} rows`
    return `<g><title>${label}</title><rect x="${(x + 3).toFixed(1)}" y="${y.toFixed(1)}" width="${(BAR - 6).toFixed(1)}" height="${height.toFixed(1)}" fill="${lift >= 0 ? '#1f7a4d' : '#b3261e'}"/><text x="${(x + BAR / 2).toFixed(1)}" y="${HEIGHT - 2}" text-anchor="middle" font-size="11">${hour}</text></g>`
  })
  const mark = (value: number): string =>
    `<text x="${LEFT - 6}" y="${(middle - value * scale + 4).toFixed(1)}" text-anchor="end" font-size="11">${percent(value)}</text>`
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Lift by local hour">${mark(largest)}${mark(0)}${mark(-largest)}<line x1="${LEFT}" x2="${WIDTH}" y1="${middle}" y2="${middle}" stroke="#8b949e"/>${bars.join('')}</svg>`
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
