import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VelocastError } from '../../platform/errors.ts'
import { dailyPrefix, trainedModelListPath } from '../../platform/object-store/layout.ts'
import { openLocalStore } from '../../platform/object-store/local.ts'
import { readModelList } from '../../platform/onnx/model-list.ts'
import {
  type FirstMinutesRecord,
  readFirstMinutes,
  writeFirstMinutes,
} from '../../platform/run-ledger/first-minutes.ts'
import { requestRun } from '../../platform/run-ledger/run-slot.ts'
import type { HealthCheck, Platform, Service } from '../../platform/service.ts'
import { readTrainingRun, TRAIN_JOB, type Trigger } from '../../train/run-record.ts'
import type { TrainingProgress } from '../../train/training.ts'
import { makeHistoryApart } from './history-process.ts'
import { beginning, endOf, isOfAnother } from './record.ts'
import type { HistoryPlan } from './simulated-history.ts'
import { sayFirstMinutes } from './words.ts'

export interface FirstMinutesOptions {
  system: string
  plan: HistoryPlan
  /** A line for people. */
  tell: (line: string) => void
  /** In place of the process of its own, for tests. */
  history?: typeof makeHistoryApart
}

/** Learns a simulated city's first model from its own past. */
export interface FirstMinutes extends Service {
  /** Told by the train service of this process. */
  training(progress: TrainingProgress): void
}

type FirstMinutesPlatform = Pick<Platform, 'objects' | 'clock' | 'logger'>

const LOOK_MS = 1000
/** The record says how training goes so often at most: people read it. */
const SAY_MS = 2000

/**
 * The first minutes of a simulated city: its past is made in a process of its own, its days are put beside the live ones,
 * a training run is asked for, and the record says how it goes. Steps, each of which a new start goes on from:
 * 1. `history`: made in a temporary store; nothing of it is seen until the daily files are copied, those that are there
 *    already excepted. The live log never sees it.
 * 2. `training`: the run is asked for in the system's slot, as anybody's, and the train service takes it up.
 * 3. `promoted`, `refused` or `failed`; only what failed is tried again by the next start.
 * A system that has a trained model is left alone. A failure here never ends the process: persistence serves on.
 */
export function createFirstMinutes(
  platform: FirstMinutesPlatform,
  options: FirstMinutesOptions,
): FirstMinutes {
  return new FirstMinutesService(platform, options)
}

class FirstMinutesService implements FirstMinutes {
  readonly name = 'first_minutes'
  readonly #platform: FirstMinutesPlatform
  readonly #options: FirstMinutesOptions
  readonly #stopping = new AbortController()
  #record: FirstMinutesRecord | null = null
  #written = Number.NEGATIVE_INFINITY
  #work: Promise<void> = Promise.resolve()
  #writing: Promise<void> = Promise.resolve()

  constructor(platform: FirstMinutesPlatform, options: FirstMinutesOptions) {
    this.#platform = platform
    this.#options = options
  }

  async start(): Promise<void> {
    this.#work = this.#learn().catch(async (error: unknown) => {
      if (this.#stopping.signal.aborted) return
      const { logger, clock } = this.#platform
      logger.error({ err: error }, 'first minutes failed, forecasts stay as they are')
      const reason = error instanceof Error ? error.message : String(error)
      if (this.#record !== null) this.#record = endOf(this.#record, { failed: reason, now: clock.now() })
      await this.#write({ say: true }).catch(() => undefined)
    })
  }

  training({ stage, share }: TrainingProgress): void {
    const record = this.#record
    if (record?.state !== 'training') return
    record.stage = stage
    record.share = share
    if (this.#platform.clock.now() - this.#written < SAY_MS) return
    this.#written = this.#platform.clock.now()
    this.#write({ say: false }).catch(() => undefined)
  }

  async caughtUp(): Promise<boolean> {
    return true
  }

  async finish(): Promise<void> {}

  async drain(): Promise<void> {
    this.#stopping.abort()
    await this.#work
  }

  close(): Promise<void> {
    return this.drain()
  }

  health(): HealthCheck[] {
    return [{ name: 'first_minutes', ok: true, detail: this.#record?.state ?? 'nothing to learn' }]
  }

  onFailure(): void {}

  async #learn(): Promise<void> {
    const { objects, clock } = this.#platform
    const { plan, system } = this.#options
    const known = await readFirstMinutes(objects, system)
    const { list } = await readModelList(objects, trainedModelListPath(system))
    if (known !== null && isOfAnother(known, plan)) {
      const { seed, city_stations } = known
      return this.#options.tell(
        `The model of this data directory is of another simulated city (seed ${seed}, ${city_stations} stations): take another --data.`,
      )
    }
    if (known?.state === 'promoted' || known?.state === 'refused') {
      this.#record = known
      return this.#options.tell(sayFirstMinutes(known, plan.city))
    }
    const trains = known?.state === 'training' && known.run_id !== null
    if (list.versions.length > 0 && !trains) return
    this.#record = trains ? known : beginning({ system, plan, now: clock.now() })
    if (!trains) await this.#makeHistory()
    await this.#train()
  }

  async #makeHistory(): Promise<void> {
    const { objects } = this.#platform
    const { plan, system, history = makeHistoryApart } = this.#options
    const { signal } = this.#stopping
    await this.#write({ say: true })
    const directory = await mkdtemp(join(tmpdir(), 'velocast-history-'))
    try {
      const root = await history({
        task: { plan, system, directory },
        signal,
        onDay: (day) => this.#day(day),
      })
      const made = await openLocalStore({ root })
      const there = new Set((await objects.list(dailyPrefix(system))).map(({ path }) => path))
      for (const { path } of await made.list(dailyPrefix(system))) {
        const object = there.has(path) ? null : await made.get(path)
        if (object !== null) await objects.put(path, object.bytes)
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  #day(day: number): void {
    const record = this.#record
    if (record === null) return
    record.days_done = Math.min(day - 1, record.days)
    this.#write({ say: record.days_done > 0 && record.days_done % 5 === 0 }).catch(() => undefined)
  }

  async #train(): Promise<void> {
    const { objects, clock } = this.#platform
    const { system } = this.#options
    const { signal } = this.#stopping
    const record = this.#record!
    if (record.run_id === null) {
      const run_id = await this.#request()
      Object.assign(record, { state: 'training', days_done: record.days, run_id })
      await this.#write({ say: true })
    }
    while (!signal.aborted) {
      const run = await readTrainingRun(objects, { system, runId: record.run_id! })
      if (run !== null && run.status !== 'running') {
        this.#record = endOf(record, { run, now: clock.now() })
        return this.#write({ say: true })
      }
      await clock.sleep(LOOK_MS, signal)
    }
  }

  /** The id of the run that is asked for, or of one that is at work already. */
  async #request(): Promise<string> {
    const { objects, clock } = this.#platform
    const trigger: Trigger = 'first_minutes'
    try {
      const { system } = this.#options
      return (await requestRun({ objects, clock, system, job: TRAIN_JOB, trigger })).run_id
    } catch (error) {
      if (!(error instanceof VelocastError) || error.code !== 'run_in_progress') throw error
      return String(error.data.run_id)
    }
  }

  /** One write after the other, so that the newest state is the last. */
  #write({ say }: { say: boolean }): Promise<void> {
    if (say && this.#record !== null) {
      this.#options.tell(sayFirstMinutes(this.#record, this.#options.plan.city))
    }
    const write = async (): Promise<void> => {
      if (this.#record !== null) await writeFirstMinutes(this.#platform.objects, this.#record)
    }
    const written = this.#writing.then(write)
    this.#writing = written.catch(() => undefined)
    return written
  }
}
