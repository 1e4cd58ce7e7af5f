import { Counter, Gauge, type Registry } from 'prom-client'

export type TrainingMetrics = ReturnType<typeof createTrainingMetrics>

export function createTrainingMetrics(registry: Registry) {
  const registers = [registry]
  return {
    runs: new Counter({
      name: 'velocast_training_runs_total',
      help: 'Training runs by what asked for them: started, and how they ended (succeeded, aborted, failed)',
      labelNames: ['trigger', 'result'],
      registers,
    }),
    running: new Gauge({
      name: 'velocast_training_running',
      help: '1 while a training run of the system is at work in this process',
      labelNames: ['system'],
      registers,
    }),
    seconds: new Gauge({
      name: 'velocast_training_seconds',
      help: 'How long the last training run of the system took',
      labelNames: ['system'],
      registers,
    }),
  }
}
