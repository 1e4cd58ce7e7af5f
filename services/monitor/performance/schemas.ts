import { z } from 'zod'
import { RELIABILITY_BINS } from '../../domain/aggregates/performance.ts'
import { common, table, time, whole } from '../artefact-parts.ts'

const figure = z.number().nullable()
const share = z.number().min(0).max(1).nullable()

const skill = {
  n: whole.describe('Forecasts of record that could be compared with what came true at exactly T + h'),
  mae_model: figure.describe('Bikes; of the rounded median'),
  rmse_model: figure.describe('Bikes; of the mean, unrounded'),
  me_model: figure.describe('Outcome less mean'),
  mae_persistence: figure,
  rmse_persistence: figure,
  me_persistence: figure,
  lift: figure.describe('(MAE of persistence - MAE of the model) / MAE of persistence'),
  rmse_cut: figure.describe('(RMSE of the model - RMSE of persistence) / RMSE of persistence'),
  coverage_80: share.describe('Outcomes within q10..q90'),
  width_80: figure,
  interval_score_80: figure,
  brier_bike: share,
  ece_bike: share,
  brier_dock: share,
  ece_dock: share,
  lead_min: figure.describe('Minutes from prediction to target, mean'),
  stale_share: share.describe('Forecasts made from data that was stale when it was fetched'),
}
const horizon = { horizon_min: whole }
const reliability = z
  .array(z.strictObject({ n: whole, mean_probability: share, frequency: share }))
  .length(RELIABILITY_BINS)
  .describe('By tenth of the probability')

/** Layouts of how served forecasts fared, by the end of their path below `<system>/monitoring/data/`. */
export const PERFORMANCE_SCHEMAS = {
  'performance/latest/kpis.json': table(z.strictObject({ ...horizon, ...skill })),
  'performance/latest/by_model.json': table(
    z.strictObject({ ...horizon, model_version: z.string(), ...skill }),
  ),
  'performance/latest/by_hour.json': table(
    z.strictObject({
      ...horizon,
      hour: z.number().int().min(0).max(23).describe('Local hour of the target'),
      ...skill,
    }),
  ),
  'performance/latest/daily.json': table(
    z.strictObject({ ...horizon, date: z.iso.date().describe('Local day of the target'), ...skill }),
  ),
  'performance/latest/reliability.json': table(
    z.strictObject({ ...horizon, p_bike: reliability, p_dock: reliability }),
  ),
  'performance/latest/skill.json': z.strictObject({
    ...common,
    window: z.strictObject({ start_utc: time, end_utc: time }).describe('The last 7 days'),
    rows: z.array(
      z.strictObject({
        ...horizon,
        n: whole,
        mae_model: figure,
        mae_persistence: figure,
        lift: figure,
        days: whole.describe('Local days with a scored forecast'),
        days_worse: whole.describe('Of them, days on which the model was worse than persistence'),
      }),
    ),
  }),
} as const
