import { DAY_MS, HOUR_MS } from '../domain/bin.ts'
import { hasCode } from '../platform/errors.ts'
import { readSlot, requestRun } from '../platform/run-ledger/run-slot.ts'
import { type Schedule, startSchedule } from '../platform/schedule/schedule.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { requestDue } from './due.ts'
import { createTrainingMetrics, type TrainingMetrics } from './metrics.ts'
import { type RunTrainingOptions, runTraining, type TrainPlatform } from './run.ts'
import { TRAIN_JOB } from './run-record.ts'
import { readSigns } from './signs.ts'
import { retrainingTrigger } from './trigger.ts'

/** How often requests and due times are looked for: a few small reads of the store each time. */
const LOOK = '*/10 * * * * *'
/** Drift and skill are windows of days. */
const SIGNS_MS = HOUR_MS

export type TrainServiceOptions = Pick<RunTrainingOptions, 'trainer' | 'boosting' | 'onProgress' | 'fault'>

/**
 * Training runs of every configured system: those that are asked for (by the API, through the system's slot), those of the
 * schedule, those that drift or decay of served skill ask for. One at a time; each in a process of its own, so that this
 * one goes on answering. The protocol of a run is `runTraining`'s. Reads no topic and owns no partition: any number of
 * replicas may run, the lease lets one of them work.
 */
export function createTrainService(
  platform: TrainPlatform & Pick<Platform, 'metrics'>,
  options: TrainServiceOptions = {},
): Service {
  return new TrainService(platform, options)
}

class TrainService implements Service {
  readonly name = 'train'
  readonly #platform: TrainPlatform & Pick<Platform, 'metrics'>
  readonly #options: TrainServiceOptions
  readonly #metrics: TrainingMetrics
  #schedule: Schedule | null = null
  #signsRead = Number.NEGATIVE_INFINITY
  #running: string | null = null
  #lastError: string | null = null

  constructor(platform: TrainPlatform & Pick<Platform, 'metrics'>, options: TrainServiceOptions) {
    this.#platform = platform
    this.#options = options
    this.#metrics = createTrainingMetrics(platform.metrics)
  }

  async start(): Promise<void> {
    const { clock, logger } = this.#platform
    this.#schedule = startSchedule({
      expression: LOOK,
      clock,
      task: (signal) => this.#look(signal),
      onError: (error) => {
        this.#lastError = error instanceof Error ? error.message : String(error)
        logger.error({ err: error }, 'training could not be looked after, it is tried again')
      },
    })
  }

  async caughtUp(): Promise<boolean> {
    return this.#running === null
  }

  async finish(): Promise<void> {}

  /** A run at work is stopped and handed back: whoever looks next takes it up again. */
  async drain(): Promise<void> {
    await this.#schedule?.stop()
  }

  async close(): Promise<void> {
    await this.#schedule?.stop()
  }

  health(): HealthCheck[] {
    const detail = this.#running === null ? 'waits for a run' : `trains ${this.#running}`
    return [{ name: 'train', ok: this.#lastError === null, detail: this.#lastError ?? detail }]
  }

  onFailure(): void {}

  async #look(signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#platform
    const readSignsNow = clock.now() - this.#signsRead >= SIGNS_MS
    if (readSignsNow) this.#signsRead = clock.now()
    for (const { id: system, timezone } of config.systems) {
      if (signal.aborted) return
      await this.#askWhatIsDue(system, timezone)
      if (readSignsNow) await this.#askBySigns(system)
      await this.#takeUp(system, signal)
    }
    this.#lastError = null
  }

  async #askWhatIsDue(system: string, timezone: string): Promise<void> {
    const { objects, clock, config, logger } = this.#platform
    const { schedule: expression } = config.train
    const slot = await requestDue({ objects, clock, system, expression, timezone })
    if (slot !== null) logger.info({ system, run_id: slot.run_id }, 'training is due')
  }

  async #askBySigns(system: string): Promise<void> {
    const { objects, clock, config, logger } = this.#platform
    const { cooldown_days, drift_psi, decay_share } = config.train
    const limits = { cooldownMs: cooldown_days * DAY_MS, psi: drift_psi, decayShare: decay_share }
    const decision = retrainingTrigger({ ...(await readSigns(objects, system)), now: clock.now(), limits })
    if (decision === null) return
    const { trigger, detail } = decision
    try {
      const { run_id } = await requestRun({ objects, clock, system, job: TRAIN_JOB, trigger })
      logger.warn({ system, run_id, trigger, detail }, 'training is asked for')
    } catch (error) {
      if (!hasCode(error, 'run_in_progress')) throw error
    }
  }

  async #takeUp(system: string, signal: AbortSignal): Promise<void> {
    const { objects } = this.#platform
    const { slot } = await readSlot({ objects, system, job: TRAIN_JOB })
    if (slot === null || slot.state === 'ended') return
    this.#running = system
    try {
      const platform = this.#platform
      await runTraining({ ...this.#options, platform, system, metrics: this.#metrics, signal })
    } catch (error) {
      // Another process is at it, or this one is stopping.
      if (!hasCode(error, 'lease_held') && !signal.aborted) throw error
    } finally {
      this.#running = null
    }
  }
}
