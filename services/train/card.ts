import { ENSEMBLES } from '../domain/forecasting/calibration.ts'
import { RICH_FEATURE_SET } from '../domain/forecasting/rich-features.ts'
import type { HorizonScores } from './backtest-scores.ts'
import type { BaseFacts } from './base.ts'
import { importance } from './gradient-boosting/model.ts'
import type { HorizonModel } from './horizon-model.ts'
import { hourPlot, sharePlot } from './plots.ts'
import type { Judgement } from './training.ts'

/** Features that the card's plot shows. */
const SHOWN_FEATURES = 20

export interface CardOptions {
  system: string
  version: string
  timezone: string
  base: BaseFacts
  model: HorizonModel
  judgement: Judgement
  /** Of the model that was trained on all rows, on the hold-out that it has seen. */
  seen: HorizonScores
  /** Git revision, null when unknown. */
  revision: string | null
}

/** The model card of one horizon, `card.md`, with its plots beside it. The same training gives the same bytes. */
export function modelCard(options: CardOptions): { name: string; bytes: Buffer }[] {
  const { judgement, model } = options
  const shares = featureShares(model)
  const shown = shares.slice(0, SHOWN_FEATURES)
  return [
    { name: 'card.md', bytes: Buffer.from(cardText(options)) },
    { name: 'lift-by-hour.svg', bytes: Buffer.from(hourPlot(judgement.scores.by_hour)) },
    {
      name: 'features.svg',
      bytes: Buffer.from(sharePlot({ label: 'Share of the gain by feature', shares: shown })),
    },
  ]
}

function cardText({
  system,
  version,
  timezone,
  base,
  model,
  judgement,
  seen,
  revision,
}: CardOptions): string {
  const { scores, holdout, verdict, champion } = judgement
  const dropped = Object.entries(base.rows_dropped).filter(([, rows]) => rows > 0)
  const { facts } = model
  const sections = [
    `# ${system} in ${model.horizonMinutes} minutes, version ${version}`,
    `Forecasts the change in bikes of each station from now to exactly ${model.horizonMinutes} minutes later: mean, median, 10 and 90 % quantiles, probability of a bike and of a dock. For the stations of ${system} only; not for a new station before the next training, nor for what a forecast cannot know (strikes, closed streets).`,
    '## Trained on',
    table([
      ['span', `${base.from_utc} to ${base.until_utc}`],
      ['days', `${base.days} full, ${base.sparse_days} with fewer than half of their bins`],
      ['days left out for memory', whole(base.days_left_out)],
      ['stations', whole(base.stations)],
      ['rows read', whole(base.rows_read)],
      [
        'rows dropped',
        dropped.length === 0 ? 'none' : dropped.map(([why, rows]) => `${whole(rows)} ${why}`).join(', '),
      ],
      ['weather known', percent(base.weather_share)],
      ['rows of the model', `${whole(facts.rows)} (thinned evenly where there were more)`],
      ['rows of the calibration', `${whole(facts.outOfSampleRows)}, out of sample, ${facts.folds} folds`],
      ['features', `${model.features.length} of ${RICH_FEATURE_SET}`],
      ['trees', ENSEMBLES.map((name) => `${name} ${facts.rounds[name]}`).join(', ')],
      ['git revision', revision ?? 'unknown'],
    ]),
    '## How good it is',
    `Judged on ${holdout.from_utc} to ${holdout.until_utc}, which the judged model had not seen; frozen stretches are left out. Then it was trained again on all rows with the same trees. Errors in bikes.`,
    table([
      ['rows', whole(scores.n)],
      [
        'MAE of the rounded median',
        `${bikes(scores.mae_model)}, persistence ${bikes(scores.mae_persistence)}`,
      ],
      ['lift', `${percent(scores.lift)}${interval(scores)}`],
      ['RMSE of the mean', `${bikes(scores.rmse_model)}, persistence ${bikes(scores.rmse_persistence)}`],
      [
        'stations worse than persistence',
        `${percent(scores.stations_worse)} of ${whole(scores.stations)} stations`,
      ],
      ['hours more than 1 % worse', `${scores.hours_worse} of ${scores.hours}`],
      ['inside of the 80 % band', `${percent(scores.coverage_80)}, mean width ${bikes(scores.width_80)}`],
      ['PIT coverage of 80 %', percent(scores.pit_coverage_80)],
      ['ECE of P(a bike), P(a dock)', `${rate(scores.ece_bike)}, ${rate(scores.ece_dock)}`],
      ['MAE on the same days after seeing them', bikes(seen.mae_model)],
    ]),
    champion === null
      ? 'There was no earlier model to compare with on days that it had not seen.'
      : `The serving model, ${champion.version}, on the ${whole(champion.scores.n)} rows that it had not seen: MAE ${bikes(champion.scores.mae_model)} against ${bikes(champion.challenger.mae_model)} of this one.`,
    '![Lift over persistence by local hour](lift-by-hour.svg)',
    `Local time is ${timezone}.`,
    '## The gate',
    ['| check | passed | found |', '|---|---|---|']
      .concat(
        verdict.checks.map(
          ({ name, passed, detail }) => `| ${name} | ${passed ? 'yes' : 'no'} | ${detail} |`,
        ),
      )
      .join('\n'),
    '## What it looks at',
    '![Share of the gain by feature](features.svg)',
  ]
  return `${sections.join('\n\n')}\n`
}

/** Mean over the ensembles of each feature's share of the gain. */
function featureShares({ features, ensembles }: HorizonModel): { name: string; share: number }[] {
  const shares = features.map(() => 0)
  for (const name of ENSEMBLES) {
    const { gain } = importance(ensembles[name])
    const total = gain.reduce((sum, own) => sum + own, 0)
    gain.forEach((own, place) => {
      shares[place]! += total > 0 ? own / total / ENSEMBLES.length : 0
    })
  }
  return features
    .map((name, place) => ({ name, share: shares[place]! }))
    .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1))
}

function table(rows: readonly (readonly [string, string])[]): string {
  return ['| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n')
}

function interval({ lift_interval }: HorizonScores): string {
  if (lift_interval === null) return ''
  return ` (${percent(lift_interval.low)} to ${percent(lift_interval.high)} by drawing whole days)`
}

function whole(count: number): string {
  return count.toLocaleString('en')
}

function bikes(value: number): string {
  return value.toFixed(4)
}

function rate(value: number): string {
  return Number.isNaN(value) ? 'unknown' : value.toFixed(4)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
