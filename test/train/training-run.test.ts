import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Observation } from '../../services/domain/observation.ts'
import { configSchema } from '../../services/platform/config.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { dailyPath, trainedModelListPath } from '../../services/platform/object-store/layout.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { readModelList } from '../../services/platform/onnx/model-list.ts'
import { readSlot, requestRun } from '../../services/platform/run-ledger/run-slot.ts'
import { createTrainingMetrics } from '../../services/train/metrics.ts'
import { type PackTrainingOutcome, trainPacks } from '../../services/train/pack-training.ts'
import { type RunTrainingOptions, runTraining } from '../../services/train/run.ts'
import { readTrainingRun, TRAIN_JOB, trainingRunPath } from '../../services/train/run-record.ts'
import { readSigns } from '../../services/train/signs.ts'
import { type TrainingProcessOptions, trainApart } from '../../services/train/training-process.ts'
import { ManualClock } from '../ingest/manual-clock.ts'
import { memoryStore } from '../monitor/memory-store.ts'
import { CITY, simulatedDays, writeDailies } from './simulated-history.ts'

const NOW = Date.parse('2026-03-11T03:00:00Z')
const days: { day: string; rows: Observation[] }[] = []
const BOOSTING = { minChildWeight: 20, learningRate: 0.15 }

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocast-training-run-'))
  days.push(...simulatedDays({ days: 9, stations: 40 }))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

interface Bench {
  objects: ObjectStore
  clock: ManualClock
  metrics: Registry
  run: (over?: Partial<RunTrainingOptions>) => ReturnType<typeof runTraining>
}

/** A system whose history is that of the simulated city, 8 days unless said otherwise. */
async function bench({
  history = days.slice(0, 8),
  change,
  objects = memoryStore(),
  config = {},
}: {
  history?: typeof days
  change?: Parameters<typeof writeDailies>[2]
  objects?: ObjectStore
  config?: object
} = {}): Promise<Bench> {
  await writeDailies(objects, history, change)
  const clock = new ManualClock(NOW)
  const metrics = new Registry()
  const platform = {
    config: configSchema.parse({
      systems: [{ id: CITY, discovery_url: 'http://127.0.0.1/gbfs.json', timezone: 'Europe/Paris' }],
      horizons: [60],
      train: { min_days: 5, max_rows: 8000, rounds: 25, threads: 1, ...config },
    }),
    clock,
    logger: pino({ level: 'silent' }),
    objects,
    lookUps: openMemoryLookUpStore(),
  }
  const shared = createTrainingMetrics(metrics)
  return {
    objects,
    clock,
    metrics,
    run: (over = {}) =>
      runTraining({
        platform,
        system: CITY,
        metrics: shared,
        trigger: 'command',
        boosting: BOOSTING,
        ...over,
      }),
  }
}

/** The same work, in this process. */
async function here({
  task,
  champions,
  versionOf,
  signal,
}: TrainingProcessOptions): Promise<PackTrainingOutcome> {
  const objects = await openLocalStore({ root: champions })
  return trainPacks(task, { objects, versionOf, ...(signal === undefined ? {} : { signal }) })
}

/** What the one training in a process of its own gave: stands for it where only the run matters. */
let given: PackTrainingOutcome
const canned = async (): Promise<PackTrainingOutcome> => given
const never = (): Promise<PackTrainingOutcome> => Promise.reject(new Error('not to be trained'))

async function versionsListed(objects: ObjectStore): Promise<string[]> {
  return (await readModelList(objects, trainedModelListPath(CITY))).list.versions.map(
    ({ version }) => version,
  )
}

async function counted(metrics: Registry, result: string): Promise<number> {
  const { values } = (await metrics.getSingleMetric('velocast_training_runs_total')!.get()) as {
    values: { value: number; labels: Record<string, string> }[]
  }
  return values.filter(({ labels }) => labels.result === result).reduce((sum, { value }) => sum + value, 0)
}

describe('a training run from daily files to a promoted pack, in a process of its own', () => {
  let town: Bench
  beforeAll(async () => {
    town = await bench({ objects: await openLocalStore({ root: join(directory, 'store') }) })
  })

  test('promotes a pack, and its record names inputs, figures and outputs with checksums', async () => {
    const trainer = async (options: TrainingProcessOptions): Promise<PackTrainingOutcome> => {
      given = await trainApart(options)
      return given
    }
    const run = await town.run({ trainer })
    expect(run).toMatchObject({
      status: 'succeeded',
      reason: null,
      trigger: 'command',
      attempt: 1,
      champion: null,
    })
    expect(run?.inputs.files).toHaveLength(8)
    for (const { sha256, generation } of run!.inputs.files) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(generation).not.toBe('')
    }
    expect(run?.inputs.base).toMatchObject({
      stations: 40,
      days: 8,
      rows_read: 8 * 288 * 40,
      weather_share: 1,
    })
    expect(run?.gate[0]).toMatchObject({ horizon: 60, passed: true })
    expect(run?.outputs?.files.map(({ path }) => path.split('/').at(-1)).sort()).toEqual([
      'calibration.json',
      'card.md',
      'encoders.bin',
      'features.svg',
      'lift-by-hour.svg',
      'manifest.json',
      'model.onnx',
    ])
    expect(run?.outputs?.effective_from).toBe('2026-03-10T00:10:00.000Z')
    expect(await versionsListed(town.objects)).toEqual(['1.0.0'])
    expect(await readTrainingRun(town.objects, { system: CITY, runId: run!.run_id })).toEqual(run)
    expect((await readSlot({ ...town, system: CITY, job: TRAIN_JOB })).slot?.state).toBe('ended')
    expect([await counted(town.metrics, 'started'), await counted(town.metrics, 'succeeded')]).toEqual([1, 1])
  }, 120_000)

  test('its card says what it was trained on and how good it is, with plots that need nothing else', async () => {
    const read = async (name: string): Promise<string> =>
      (await town.objects.get(`${CITY}/models/h60/1.0.0/${name}`))!.bytes.toString()
    const card = await read('card.md')
    expect(card).toContain('# simulated-city in 60 minutes, version 1.0.0')
    expect(card).toContain('persistence_hours')
    expect(card).not.toMatch(/NaN|undefined|null/)
    for (const name of ['lift-by-hour.svg', 'features.svg']) {
      expect(card).toContain(`(${name})`)
      expect(await read(name)).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg".*<\/svg>$/)
    }
  })

  test('what its forecasts do once they serve is told by its version alone', async () => {
    const row = { horizon_min: 60, n: 20_000, lift: -0.1 }
    const rows = [
      { ...row, model_version: 'trees@1.0.0' },
      { ...row, model_version: 'persistence@0.1.0', lift: 0 },
    ]
    const path = `${CITY}/monitoring/data/performance/latest/by_model.json`
    await town.objects.put(path, Buffer.from(JSON.stringify({ rows })))
    const signs = await readSigns(town.objects, CITY)
    expect(signs.skill).toEqual([{ horizon: 60, n: 20_000, lift: -0.1 }])
    const gate = given.judgements[0]!
    expect(signs.serving).toMatchObject({ version: '1.0.0', cutOff: Date.parse('2026-03-10T00:00:00Z') })
    expect(signs.serving?.lifts.get(60)).toBe(gate.scores.lift)
  })

  test('the same data again is aborted as no_new_data', async () => {
    expect(await town.run()).toMatchObject({
      status: 'aborted',
      reason: { code: 'no_new_data' },
      champion: '1.0.0',
    })
    expect(await versionsListed(town.objects)).toEqual(['1.0.0'])
  })

  test('a worse challenger is refused and the old model keeps serving', async () => {
    await writeDailies(town.objects, days)
    const before = await town.objects.get(trainedModelListPath(CITY))
    const lazy = { ...BOOSTING, learningRate: 0.0001 }
    const run = await town.run({ boosting: lazy, trainer: here })
    expect(run).toMatchObject({ status: 'aborted', reason: { code: 'gate_refused' } })
    expect(run?.gate[0]?.champion?.version).toBe('trees@1.0.0')
    expect(run?.outputs).toBeNull()
    expect((await town.objects.get(trainedModelListPath(CITY)))?.generation).toBe(before?.generation)
    expect(
      (await town.objects.list(`${CITY}/models/h60/`)).every(({ path }) => path.includes('/1.0.0/')),
    ).toBe(true)
    expect(await counted(town.metrics, 'aborted')).toBe(2)
  }, 120_000)
})

describe('guards end a run as aborted, and nothing is published', () => {
  test.each<[string, string, Parameters<typeof bench>[0]]>([
    ['no files', 'no_input', { history: [] }],
    [
      'a target that is empty',
      'empty_target',
      { change: ({ rows }) => rows.map((row) => ({ ...row, bikes: null })) },
    ],
    [
      'a target that is always out of service',
      'empty_target',
      { change: ({ rows }) => rows.map((row) => ({ ...row, is_installed: false })) },
    ],
    ['too few days', 'too_few_days', { history: [] }],
    [
      'days with half of their bins missing',
      'too_few_days',
      { change: ({ rows }) => rows.slice(0, Math.floor(rows.length * 0.4)) },
    ],
  ])('%s: %s', async (name, code, options) => {
    const history = name === 'too few days' ? days.slice(0, 3) : options?.history
    const town = await bench({ ...options, ...(history === undefined ? {} : { history }) })
    const run = await town.run({ trainer: here })
    expect(run).toMatchObject({ status: 'aborted', reason: { code }, outputs: null })
    expect(run?.finished_utc).not.toBeNull()
    expect(await town.objects.list(`${CITY}/models/`)).toEqual([])
  })

  test('weather that the champion uses and the history lacks', async () => {
    const town = await bench({ objects: await openLocalStore({ root: join(directory, 'store') }) })
    await writeDailies(town.objects, days, ({ rows }) =>
      rows.map((row) => ({ ...row, temp_C: null, precip_mm: null, wind_mps: null })),
    )
    expect(await town.run({ trainer: here })).toMatchObject({
      status: 'aborted',
      reason: { code: 'missing_weather' },
    })
  })
})

describe('one run at a time, taken up again after a stop or a kill', () => {
  test('a run that waits in the slot is taken up under its own id and trigger', async () => {
    const town = await bench({ history: [] })
    const slot = await requestRun({ ...town, system: CITY, job: TRAIN_JOB, trigger: 'api' })
    expect(await town.run()).toMatchObject({ run_id: slot.run_id, trigger: 'api', status: 'aborted' })
  })

  test('while one runs, another is refused', async () => {
    const town = await bench({ history: [] })
    const { promise: trained, resolve: finish } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const first = town.run({
      fault: async (step) => {
        if (step !== 'recorded') return
        begin()
        await trained
      },
      trainer: here,
    })
    await begun
    await expect(town.run()).rejects.toMatchObject({ code: 'lease_held' })
    await expect(requestRun({ ...town, system: CITY, job: TRAIN_JOB, trigger: 'api' })).rejects.toMatchObject(
      {
        code: 'run_in_progress',
      },
    )
    finish()
    expect(await first).toMatchObject({ status: 'aborted' })
  })

  test('a run that fails is recorded with its error and frees the slot', async () => {
    const town = await bench()
    const broken = new VelocastError({ code: 'store_full', message: 'disk is full: /' })
    const run = await town.run({ trainer: () => Promise.reject(broken) })
    expect(run).toMatchObject({
      status: 'failed',
      reason: { code: 'store_full', message: 'disk is full: /' },
    })
    expect((await readSlot({ ...town, system: CITY, job: TRAIN_JOB })).slot?.state).toBe('ended')
    expect(await counted(town.metrics, 'failed')).toBe(1)
  })

  test('a run that is stopped is handed back and finished by the next process, as one run', async () => {
    const town = await bench({ history: days.slice(0, 1) })
    const stopping = new AbortController()
    const trainer = async (): Promise<PackTrainingOutcome> => {
      stopping.abort()
      throw new Error('stopped')
    }
    await expect(town.run({ trainer, signal: stopping.signal })).rejects.toThrow('stopped')
    expect((await readSlot({ ...town, system: CITY, job: TRAIN_JOB })).slot?.state).toBe('requested')
    expect(await town.run({ trainer: here })).toMatchObject({ status: 'aborted', attempt: 1 })
    expect(await town.objects.list(`${CITY}/runs/train/`)).toHaveLength(1)
  })

  test.each(['taken', 'recorded', 'trained', 'published', 'promoted'] as const)(
    'killed after %s it ends as one run with one version in force',
    async (killedAfter) => {
      const store = memoryStore()
      let dead = false
      const dying: ObjectStore = {
        ...store,
        get: (path) => (dead ? Promise.reject(new Error('killed')) : store.get(path)),
        put: (...write) => (dead ? Promise.reject(new Error('killed')) : store.put(...write)),
      }
      const town = await bench({ objects: dying })
      const killed = town.run({
        trainer: canned,
        fault: (step) => {
          if (step !== killedAfter) return
          dead = true
          throw new Error('killed')
        },
      })
      await expect(killed).rejects.toThrow('killed')
      dead = false
      town.clock.advance(61_000)
      const trainer = ['published', 'promoted'].includes(killedAfter) ? never : canned
      const run = await town.run({ trainer })
      expect(run).toMatchObject({ status: 'succeeded', attempt: 2, outputs: { version: '1.0.0' } })
      expect(await versionsListed(store)).toEqual(['1.0.0'])
      expect(await store.list(`${CITY}/runs/train/`)).toHaveLength(1)
      expect(await store.get(trainingRunPath(CITY, run!.run_id))).not.toBeNull()
    },
  )

  test('a run that keeps ending its process is given up as failed', async () => {
    const town = await bench()
    const kill = {
      fault: (): never => {
        throw new Error('killed')
      },
    }
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await expect(town.run(kill)).rejects.toThrow('killed')
      town.clock.advance(61_000)
    }
    expect(await town.run({ trainer: never })).toMatchObject({ status: 'failed', attempt: 4 })
  })
})

test('a file that vanished between listing and reading is left out', async () => {
  const store = memoryStore()
  const town = await bench({ history: days.slice(0, 4), objects: store })
  const gone = dailyPath(CITY, '2026-03-03')
  const objects: ObjectStore = {
    ...store,
    download: (path, file) =>
      path === gone
        ? Promise.reject(
            new VelocastError({ code: 'store_object_missing', message: `object is gone: ${path}` }),
          )
        : store.download(path, file),
  }
  void town
  const other = await bench({ history: [], objects })
  expect((await other.run({ trainer: here }))?.inputs.files.map(({ path }) => path)).not.toContain(gone)
})
