import { Gauge, type Registry } from 'prom-client'
import type { Artefact } from '../artefact-schemas.ts'

/** How served forecasts fare in the window, by system and horizon; no station is ever a label. */
export interface PerformanceMetrics {
  scored(performance: { system: string; through: number; artefacts: readonly Artefact[] }): void
  /** Takes back what a system shows: it has another owner. */
  forget(system: string): void
}

export function performanceMetrics(registry: Registry): PerformanceMetrics {
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name: `velocast_performance_${name}`, help, labelNames, registers: [registry] })
  const labels = ['system', 'horizon'] as const
  const gauges = {
    n: gauge('scored_forecasts', 'Forecasts of record scored in the window', labels),
    mae_model: gauge('mae_bikes', 'Mean absolute error of the served median', labels),
    mae_persistence: gauge('persistence_mae_bikes', 'Mean absolute error of "nothing changes"', labels),
    rmse_model: gauge('rmse_bikes', 'Root mean squared error of the served mean', labels),
    lift: gauge('lift', 'Share by which the MAE is below that of persistence', labels),
    coverage_80: gauge('coverage_80', 'Share of outcomes in the served 80 % band', labels),
    brier_bike: gauge('brier_bike', 'Brier score of P(at least one bike)', labels),
    brier_dock: gauge('brier_dock', 'Brier score of P(at least one dock)', labels),
  }
  const through = gauge('scored_through_seconds', 'Targets before it are scored, seconds since 1970', [
    'system',
  ])
  const shown = new Map<string, Set<string>>()
  return {
    scored({ system, through: end, artefacts }) {
      through.set({ system }, end / 1000)
      const kpis = artefacts.find(({ name }) => name === 'performance/latest/kpis.json')
      if (kpis?.name !== 'performance/latest/kpis.json') return
      for (const row of kpis.document.rows) {
        const horizon = String(row.horizon_min)
        shown.set(system, (shown.get(system) ?? new Set()).add(horizon))
        for (const [name, metric] of Object.entries(gauges)) {
          const value = row[name as keyof typeof gauges]
          if (value === null) metric.remove({ system, horizon })
          else metric.set({ system, horizon }, value)
        }
      }
    },
    forget(system) {
      through.remove({ system })
      for (const horizon of shown.get(system) ?? []) {
        for (const metric of Object.values(gauges)) metric.remove({ system, horizon })
      }
      shown.delete(system)
    },
  }
}
