import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ModelListVersion, versionsInForce } from '../domain/model-pack.ts'
import { VelocastError } from '../platform/errors.ts'
import { type Lease, withLease } from '../platform/lease/lease.ts'
import {
  leasePath,
  trainedModelListPath,
  trainedModelsPrefix,
  trainedPackDirectory,
} from '../platform/object-store/layout.ts'
import { openLocalStore } from '../platform/object-store/local.ts'
import { readModelList } from '../platform/onnx/model-list.ts'
import { sha256 } from '../platform/onnx/persistence-pack.ts'
import { leaveRun, type RunSlot, requestRun, takeRun } from '../platform/run-ledger/run-slot.ts'
import type { Platform } from '../platform/service.ts'
import { trainingSizes } from './first-minutes.ts'
import type { TrainingMetrics } from './metrics.ts'
import { promoteModel, versionToPublish } from './model-catalogue.ts'
import type { TrainedPack } from './pack.ts'
import type { PackTrainingOutcome, PackTrainingTask } from './pack-training.ts'
import { promotionBin } from './promotion-bin.ts'
import { publishPacks } from './publish-pack.ts'
import { copyPacks, downloadInputs, listInputs } from './run-inputs.ts'
import {
  gateRecords,
  newTrainingRun,
  type RunOutputs,
  readTrainingRun,
  TRAIN_JOB,
  type TrainingRun,
  type Trigger,
  writeTrainingRun,
} from './run-record.ts'
import type { TrainingProgress } from './training.ts'
import { type TrainingProcessOptions, trainApart } from './training-process.ts'

export type TrainPlatform = Pick<Platform, 'config' | 'clock' | 'logger' | 'objects' | 'lookUps'>

/** Steps of a run, in order. */
type RunStep = 'taken' | 'recorded' | 'trained' | 'published' | 'promoted' | 'ended'

export interface RunTrainingOptions {
  platform: TrainPlatform
  system: string
  metrics: TrainingMetrics
  /** Asks for a run of its own unless one waits already; without it only what waits is taken up. */
  trigger?: Trigger
  onProgress?: (progress: TrainingProgress) => void
  /** Aborted: the run is handed back, and whoever looks next takes it up again. */
  signal?: AbortSignal
  /** In place of the process of its own, for tests. */
  trainer?: (options: TrainingProcessOptions) => Promise<PackTrainingOutcome>
  boosting?: PackTrainingTask['boosting']
  fault?: (step: RunStep) => Promise<void> | void
}

/** A run that ends its process so often is not tried again. */
const MOST_ATTEMPTS = 3
const SEED = 1
const FOLDS = 3
/** Rows of each fold's models: they choose rounds and teach the calibration. */
const FOLD_SHARE = 0.4

/**
 * Takes up a system's training run and brings it to its end. Null when none waits.
 *
 * Protocol (`fault` is called with the name of each step after it):
 * 1. The lease `<system>/leases/train.json` is taken: one run at a time, anywhere. `lease_held` otherwise.
 * 2. `taken`: the slot says running. One that was left unfinished is taken up again under its own id.
 * 3. `recorded`: the run record says running, with its inputs.
 * 4. `trained`: in a process of its own. A guard or the gate that refuses ends the run as aborted.
 * 5. `published`: the lease is renewed, the packs are written under a new version, the record names them. Nobody reads
 *    them yet. A run that is taken up again from here promotes them without training anew.
 * 6. `promoted`: the lease is renewed, the packs are proved, and the model list is switched by its generation, all horizons
 *    at once.
 * 7. `ended`: the record has its end, then the slot is free.
 *
 * A run that is stopped is handed back; one that fails is ended as failed: the next trigger tries again. Either way the
 * serving model is as before. Throws `lease_held` and errors of the store before step 2.
 */
export async function runTraining(options: RunTrainingOptions): Promise<TrainingRun | null> {
  const { platform, system, trigger } = options
  const { objects, clock } = platform
  const owner = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`
  return withLease({ objects, clock, path: leasePath(system, TRAIN_JOB), owner }, async (lease) => {
    const slotOf = { objects, clock, system, job: TRAIN_JOB }
    let slot = await takeRun(slotOf)
    if (slot === null && trigger !== undefined) {
      await requestRun({ ...slotOf, trigger })
      slot = await takeRun(slotOf)
    }
    return slot === null ? null : new Running(options, slot, lease).toItsEnd()
  })
}

class Running {
  readonly #options: RunTrainingOptions
  readonly #slot: RunSlot
  readonly #lease: Lease
  #run: TrainingRun

  constructor(options: RunTrainingOptions, slot: RunSlot, lease: Lease) {
    this.#options = options
    this.#slot = slot
    this.#lease = lease
    const { system, platform } = options
    this.#run = newTrainingRun({ system, slot, started: platform.clock.now(), token: lease.token })
  }

  async toItsEnd(): Promise<TrainingRun> {
    const { platform, system, metrics, signal } = this.#options
    const { objects, clock, logger } = platform
    const { run_id, trigger, attempts } = this.#slot
    await this.#step('taken')
    if (attempts === 1) metrics.runs.inc({ trigger, result: 'started' })
    metrics.running.set({ system }, 1)
    const begun = clock.now()
    logger.info({ system, run_id, trigger, attempt: attempts }, 'training begins')
    try {
      await this.#work()
    } catch (error) {
      if (signal?.aborted) {
        await leaveRun({ objects, clock, system, job: TRAIN_JOB, runId: run_id, state: 'requested' })
        logger.info({ system, run_id }, 'training was stopped and waits to be taken up again')
        throw error
      }
      logger.error({ err: error, system, run_id }, 'training failed, the serving model is as before')
      this.#run.status = 'failed'
      this.#run.reason = {
        code: error instanceof VelocastError ? error.code : 'internal',
        message: error instanceof Error ? error.message : String(error),
      }
    } finally {
      metrics.running.set({ system }, 0)
    }
    const run = this.#run
    run.finished_utc = new Date(clock.now()).toISOString()
    await writeTrainingRun(objects, run)
    await leaveRun({ objects, clock, system, job: TRAIN_JOB, runId: run_id, state: 'ended' })
    metrics.runs.inc({ trigger, result: run.status })
    metrics.seconds.set({ system }, (clock.now() - begun) / 1000)
    logger.info(
      { system, run_id, status: run.status, reason: run.reason, version: run.outputs?.version },
      'training ended',
    )
    await this.#step('ended')
    return run
  }

  async #work(): Promise<void> {
    const { platform, system } = this.#options
    const { attempts, run_id } = this.#slot
    const before = attempts > 1 ? await readTrainingRun(platform.objects, { system, runId: run_id }) : null
    if (before?.outputs != null) {
      this.#run = { ...before, attempt: attempts, fencing_token: this.#lease.token }
      return this.#promote(before.outputs)
    }
    if (attempts > MOST_ATTEMPTS) {
      throw new VelocastError({
        code: 'internal',
        message: `training ended its process ${attempts - 1} times, look at memory and its limit: ${run_id}`,
      })
    }
    const directory = await mkdtemp(join(tmpdir(), 'velocast-train-'))
    try {
      const packs = await this.#train(directory)
      if (packs !== null) await this.#promote(await this.#publish(packs))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Null when a guard or the gate refused. */
  async #train(directory: string): Promise<TrainedPack[] | null> {
    const { platform, system, onProgress, signal, trainer = trainApart } = this.#options
    const { objects, config } = platform
    const run = this.#run
    const { days, min_days, holdout_days, threads, carry_minutes } = config.train
    const { max_rows, rounds, ...sizes } = trainingSizes(config.train, this.#slot.trigger)
    const boosting = this.#options.boosting ?? sizes.boosting
    const { inputs, files } = await downloadInputs({
      objects,
      inputs: await listInputs({ objects, system, days }),
      directory,
      signal,
    })
    const serving = await this.#serving()
    run.champion = serving?.version ?? null
    run.inputs.files = inputs.map((input) => ({ ...input, sha256: null }))
    await writeTrainingRun(objects, run)
    await this.#step('recorded')
    const champions = join(directory, 'champions')
    if (serving !== null) {
      await copyPacks({ objects, local: await openLocalStore({ root: champions }), system, version: serving })
    }
    const outcome = await trainer({
      champions,
      task: {
        system,
        timezone: config.systems.find(({ id }) => id === system)?.timezone ?? 'UTC',
        horizons: config.horizons,
        files,
        directory,
        serving,
        revision: process.env.VELOCAST_GIT_REVISION ?? null,
        settings: {
          days,
          min_days,
          holdout_days,
          max_rows,
          fold_rows: Math.ceil(max_rows * FOLD_SHARE),
          folds: FOLDS,
          rounds,
          threads,
          seed: SEED,
          carry_minutes,
        },
        ...(boosting === undefined ? {} : { boosting }),
      },
      versionOf: (features) => versionToPublish({ objects, system, features }),
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    })
    run.inputs.base = outcome.base
    run.inputs.files = inputs.map((input, place) => ({ ...input, sha256: outcome.digests[place] ?? null }))
    run.gate = gateRecords(outcome.judgements)
    for (const { horizon, message } of outcome.unreadable) {
      platform.logger.warn({ system, horizon }, `serving pack is no champion: ${message}`)
    }
    await this.#step('trained')
    if (outcome.kind === 'trained') return outcome.packs
    run.status = 'aborted'
    run.reason = { code: outcome.reason, message: outcome.message }
    return null
  }

  async #publish(packs: TrainedPack[]): Promise<RunOutputs> {
    const { objects } = this.#options.platform
    await this.#lease.renew()
    await publishPacks({ objects, packs })
    const outputs: RunOutputs = {
      version: packs[0]!.manifest.version,
      effective_from: null,
      files: packs.flatMap(({ manifest, files }) => {
        const { system, version, horizon_min: horizon } = manifest
        const folder = trainedPackDirectory({ system, horizon, version })
        return files.map(({ name, bytes }) => ({
          path: `${folder}/${name}`,
          sha256: sha256(bytes),
          bytes: bytes.length,
        }))
      }),
    }
    this.#run.outputs = outputs
    await writeTrainingRun(objects, this.#run)
    await this.#step('published')
    return outputs
  }

  async #promote(outputs: RunOutputs): Promise<void> {
    const { platform, system } = this.#options
    const { objects } = platform
    const { version } = outputs
    const { list } = await readModelList(objects, trainedModelListPath(system))
    let entry = list.versions.findLast((listed) => listed.version === version)
    if (entry === undefined) {
      const cutOff = Date.parse(this.#run.inputs.base?.until_utc ?? '1970-01-01')
      const effectiveFrom = await promotionBin({ platform, system, cutOff })
      await this.#lease.renew()
      const promoted = await promoteModel({ objects, system, version, effectiveFrom })
      entry = promoted.versions.findLast((listed) => listed.version === version)
    }
    this.#run.outputs = { ...outputs, effective_from: entry?.effective_from ?? null }
    this.#run.status = 'succeeded'
    await this.#step('promoted')
  }

  /** The trained version in force from now on; null when none is, or persistence was gone back to. */
  async #serving(): Promise<ModelListVersion | null> {
    const { platform, system } = this.#options
    const { list } = await readModelList(platform.objects, trainedModelListPath(system))
    const current = versionsInForce(list, Number.POSITIVE_INFINITY)[0]
    const own = trainedModelsPrefix(system)
    const trained = Object.values(current?.horizons ?? {}).some(({ path }) => path.startsWith(own))
    return current !== undefined && trained ? current : null
  }

  async #step(step: RunStep): Promise<void> {
    await this.#options.fault?.(step)
  }
}
