import { describe, expect, test } from 'vitest'
import type { ModelReport } from '../../../services/api/model-report.ts'
import { skillWords } from '../../../services/api/page/skill.ts'

const report: ModelReport = {
  system: 'simulated-city',
  version: '1.0.0',
  effective_from: Date.parse('2026-11-22T11:35:00Z'),
  trained: {
    from_utc: Date.parse('2026-11-08T00:00:00Z'),
    until_utc: Date.parse('2026-11-22T00:00:00Z'),
    stations: 100,
    rows: 40_000,
  },
  horizons: [
    { horizon_min: 15, gate: { n: 58_041, mae_model: 0.9, mae_persistence: 1 }, served: null },
    {
      horizon_min: 60,
      gate: { n: 57_087, mae_model: 1.8, mae_persistence: 2 },
      served: { n: 2345, mae_model: 2.1, mae_persistence: 2 },
    },
  ],
  first_minutes: {
    system: 'simulated-city',
    simulated: true,
    seed: 1,
    state: 'promoted',
    stations: 100,
    city_stations: 1500,
    days: 14,
    days_done: 14,
    from_utc: '2026-11-08T00:00:00.000Z',
    until_utc: '2026-11-22T00:00:00.000Z',
    stage: null,
    share: 1,
    started_utc: '2026-11-22T11:20:00.000Z',
    finished_utc: '2026-11-22T11:23:00.000Z',
    run_id: '20261122T112100Z-abcdef',
    version: '1.0.0',
    effective_from: '2026-11-22T11:35:00.000Z',
    reason: null,
  },
}
const about = (
  over: Partial<ModelReport>,
  { served = ['persistence@0.1.0'], simulated = true } = {},
): ReturnType<typeof skillWords> =>
  skillWords({ report: { ...report, ...over }, simulated, served, zone: 'Europe/Paris' })
const learning = (over: Partial<NonNullable<ModelReport['first_minutes']>>) =>
  about({ version: null, effective_from: null, first_minutes: { ...report.first_minutes!, ...over } })?.status

describe('model against persistence', () => {
  test('tells what was served from what was only held out, and better from worse', () => {
    expect(about({})?.lines).toEqual([
      {
        horizon: 15,
        model: '0.900',
        persistence: '1.000',
        change: '−10.0 %',
        better: true,
        measured: '58,041 rows of hold-out, before it served',
      },
      {
        horizon: 60,
        model: '2.100',
        persistence: '2.000',
        change: '+5.0 %',
        better: false,
        measured: '2,345 forecasts served',
      },
    ])
  })

  test('says what it was trained on, and that simulated figures say nothing of a real city', () => {
    expect(about({})?.trained).toBe(
      'Trained on 100 of 1,500 stations, 14 simulated days, 8 Nov 2026 to 21 Nov 2026. Simulated: these figures say nothing about a real city.',
    )
    expect(about({ first_minutes: null }, { simulated: false })?.trained).toBe(
      'Trained on 100 stations, 14 days, 8 Nov 2026 to 21 Nov 2026.',
    )
  })

  test('says what it was trained on in the moment between the promotion and its record, too', () => {
    const training = { ...report.first_minutes!, state: 'training' as const, version: null }
    expect(about({ first_minutes: training })?.trained).toContain('Trained on 100 of 1,500 stations')
    const refused = { ...training, state: 'refused' as const }
    expect(about({ first_minutes: refused })?.trained).toContain('Trained on 100 stations')
  })

  test('says that a model serves only once its forecasts are there', () => {
    expect(about({})?.status).toBe('Model 1.0.0 serves from 12:35 Paris')
    expect(about({}, { served: ['trees@1.0.0'] })?.status).toBe('Model 1.0.0 serves since 12:35 Paris')
  })

  test('says what is learned before there is a model, and why there is none', () => {
    expect(learning({ state: 'history', days_done: 3 })).toBe(
      'Learning from 14 days of simulated history, 100 of 1,500 stations: 3 of 14 days. Persistence forecasts meanwhile.',
    )
    expect(learning({ state: 'training', share: 0.456 })).toContain('stations: 45 %.')
    expect(learning({ state: 'refused', reason: 'gate_refused: worse' })).toContain('gate_refused: worse')
    expect(learning({ state: 'failed', reason: 'no room' })).toContain('no room')
  })

  test('says nothing of a live system without a model', () => {
    expect(about({ version: null, effective_from: null, first_minutes: null })).toBeNull()
  })

  test('leaves out figures that nobody has', () => {
    const horizons = [{ horizon_min: 15, gate: null, served: null }]
    expect(about({ horizons, trained: null })).toMatchObject({ lines: [], trained: '' })
  })
})
