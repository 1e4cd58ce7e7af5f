import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, test } from 'vitest'
import { FEATURE_SET, featuresHash } from '../../../services/domain/features.ts'
import {
  MODEL_LIST_PATH,
  type ModelList,
  type PackManifest,
  packDirectory,
} from '../../../services/domain/model-pack.ts'
import { VelocastError } from '../../../services/platform/errors.ts'
import { type Inference, openInference } from '../../../services/platform/onnx/inference.ts'
import { installPersistencePack } from '../../../services/platform/onnx/install.ts'
import { readModelList } from '../../../services/platform/onnx/model-list.ts'
import { type ModelRegistry, openModelRegistry } from '../../../services/platform/onnx/model-registry.ts'
import { encodeModel } from '../../../services/platform/onnx/onnx-model.ts'
import { loadModelPack, rowOf } from '../../../services/platform/onnx/pack.ts'
import { buildPersistencePack, sha256 } from '../../../services/platform/onnx/persistence-pack.ts'
import { openObjectMap } from './object-map.ts'

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const open of closing.splice(0)) await open.close()
})
function inference(): Inference {
  const opened = openInference()
  closing.push(opened)
  return opened
}

type Objects = ReturnType<typeof openObjectMap>

/** A pack whose model says "bikes times `factor`". */
async function putPack(
  objects: Objects,
  options: {
    version: string
    horizon: number
    factor: number
    change?: Partial<PackManifest>
    golden?: number
  },
): Promise<{ path: string; sha256: string }> {
  const raw_data = Buffer.alloc(4)
  raw_data.writeFloatLE(options.factor)
  const model = encodeModel({
    ir_version: 8,
    opsets: { '': 15 },
    doc: '',
    graph: 'scaled',
    initializers: [{ name: 'factor', dims: [1], data_type: 1, raw_data }],
    inputs: [{ name: 'x', shape: ['n', 1] }],
    outputs: [{ name: 'y', shape: ['n', 1] }],
    nodes: [{ name: 'scale', op_type: 'Mul', input: ['x', 'factor'], output: ['y'] }],
  })
  const manifest: PackManifest = {
    name: 'scaled',
    version: options.version,
    horizon_min: options.horizon,
    features: { set: FEATURE_SET, names: ['bikes'], hash: featuresHash(['bikes']) },
    input: 'x',
    outputs: { bikes_mean: 'y' },
    sha256: sha256(model),
    ir_version: 8,
    opset: 15,
    golden: {
      inputs: [[2], [null]],
      outputs: { bikes_mean: [options.golden ?? 2 * options.factor, null] },
      tolerance: 1e-6,
    },
    created_from: null,
    ...options.change,
  }
  const directory = packDirectory(options)
  const bytes = Buffer.from(JSON.stringify(manifest))
  await objects.put(`${directory}/model.onnx`, model)
  await objects.put(`${directory}/manifest.json`, bytes)
  return { path: `${directory}/manifest.json`, sha256: sha256(bytes) }
}

async function putList(objects: Objects, versions: ModelList['versions']): Promise<void> {
  await objects.put(MODEL_LIST_PATH, Buffer.from(JSON.stringify({ versions })))
}

describe('persistence pack', () => {
  test('onnx runtime runs it: bikes and docks at the target are those of now, unknown docks stay unknown', async () => {
    const objects = openObjectMap()
    await installPersistencePack({ objects, horizons: [15, 60] })
    const { list } = await readModelList(objects)
    for (const horizon of [15, 60]) {
      const pack = await loadModelPack({
        objects,
        inference: inference(),
        system: 'town',
        horizon,
        version: list.versions[0]!,
      })
      expect(pack.version).toBe('persistence@0.1.0')
      if (pack.kind !== 'direct') throw new Error('persistence must be direct')
      const { output } = await pack.predict(Float32Array.of(3, 7, 0, Number.NaN), 2)
      expect(rowOf(output, 0)).toEqual({ bikes_mean: 3, docks_mean: 7 })
      expect(rowOf(output, 1)).toEqual({ bikes_mean: 0, docks_mean: Number.NaN })
    }
  })

  test('the same horizons give the same bytes', () => {
    expect(buildPersistencePack([15, 60])).toEqual(buildPersistencePack([15, 60]))
  })

  test('installing twice changes nothing; a horizon that is added later gets its pack, what was there stays', async () => {
    const objects = openObjectMap()
    await installPersistencePack({ objects, horizons: [15] })
    const first = (await readModelList(objects)).list
    const writes = objects.writes.length
    await installPersistencePack({ objects, horizons: [15] })
    expect(objects.writes).toHaveLength(writes)
    await installPersistencePack({ objects, horizons: [15, 30] })
    const { list } = await readModelList(objects)
    expect(list.versions).toHaveLength(2)
    expect(Object.keys(list.versions[0]!.horizons)).toEqual(['30'])
    expect(list.versions[1]).toEqual(first.versions[0])
  })
})

describe('a model pack is refused with the reason', () => {
  const cases: [string, Parameters<typeof putPack>[1], RegExp][] = [
    [
      'another horizon',
      { version: '1.0.0', horizon: 15, factor: 1, change: { horizon_min: 60 } },
      /horizon_min must be 15, got 60/,
    ],
    [
      'another version',
      { version: '1.0.0', horizon: 15, factor: 1, change: { version: '1.0.1' } },
      /version must be 1.0.0, got 1.0.1/,
    ],
    [
      'a feature set of another version',
      {
        version: '1.0.0',
        horizon: 15,
        factor: 1,
        change: { features: { set: 'core-0', names: ['bikes'], hash: featuresHash(['bikes']) } },
      },
      /features.set must be core-1, got core-0/,
    ],
    [
      'an unknown feature',
      {
        version: '1.0.0',
        horizon: 15,
        factor: 1,
        change: { features: { set: FEATURE_SET, names: ['moon'], hash: featuresHash(['moon']) } },
      },
      /features.names must be known, got moon/,
    ],
    [
      'another features hash',
      {
        version: '1.0.0',
        horizon: 15,
        factor: 1,
        change: { features: { set: FEATURE_SET, names: ['bikes'], hash: 'beef' } },
      },
      /features.hash must be \w{16}, got beef/,
    ],
    [
      'golden outputs that the model does not give',
      { version: '1.0.0', horizon: 15, factor: 1, golden: 3 },
      /golden.outputs.bikes_mean\[0\] must be 3, got 2/,
    ],
    [
      'a model that is not the manifest’s',
      { version: '1.0.0', horizon: 15, factor: 1, change: { sha256: '0'.repeat(64) } },
      /sha256 of models\/h15\/1.0.0\/model.onnx must be 0+, got/,
    ],
    [
      'an output that the graph lacks',
      { version: '1.0.0', horizon: 15, factor: 1, change: { outputs: { bikes_mean: 'z' } } },
      /model must have the output z, got y/,
    ],
    [
      'an input that the graph lacks',
      { version: '1.0.0', horizon: 15, factor: 1, change: { input: 'z' } },
      /model's only input must be z, got x/,
    ],
  ]
  test.each(cases)('%s', async (_, pack, message) => {
    const objects = openObjectMap()
    const entry = await putPack(objects, pack)
    const version = { version: '1.0.0', effective_from: '1970-01-01T00:00:00Z', horizons: { '15': entry } }
    const loading = loadModelPack({ objects, inference: inference(), system: 'town', horizon: 15, version })
    await expect(loading).rejects.toThrow(message)
    await expect(loading).rejects.toMatchObject({ code: 'model_pack_invalid', retryable: false })
  })

  test('bytes that are no model', async () => {
    const objects = openObjectMap()
    const broken = Buffer.from('not a model')
    const entry = await putPack(objects, {
      version: '1.0.0',
      horizon: 15,
      factor: 1,
      change: { sha256: sha256(broken) },
    })
    await objects.put('models/h15/1.0.0/model.onnx', broken)
    const version = { version: '1.0.0', effective_from: '1970-01-01T00:00:00Z', horizons: { '15': entry } }
    const loading = loadModelPack({ objects, inference: inference(), system: 'town', horizon: 15, version })
    await expect(loading).rejects.toMatchObject({ code: 'model_pack_invalid' })
  })
})

describe('model registry', () => {
  const BIN = Date.parse('2024-11-05T10:00:00Z')
  let now = 0
  function registry(objects: Objects, metrics = new Registry()): ModelRegistry {
    now = 0
    const opened = openModelRegistry({
      objects,
      horizons: [15, 60],
      clock: { now: () => now },
      logger: pino({ level: 'silent' }),
      metrics,
      checkSeconds: 30,
    })
    closing.push(opened)
    return opened
  }
  async function versionsAt(models: ModelRegistry, tbin: number): Promise<Record<number, string>> {
    const packs = await models.packsInForce('town', tbin)
    return Object.fromEntries([...packs].map(([horizon, pack]) => [horizon, pack.version]))
  }
  async function version(objects: Objects, name: string, from: string, factor: number) {
    const horizons = {
      '15': await putPack(objects, { version: name, horizon: 15, factor }),
      '60': await putPack(objects, { version: name, horizon: 60, factor }),
    }
    return { version: name, effective_from: from, horizons }
  }

  test('a new version is in force from its bin on, for all horizons, after the next check and without a restart', async () => {
    const objects = openObjectMap()
    const models = registry(objects)
    const one = await version(objects, '1.0.0', '2024-11-01T00:00:00Z', 1)
    await putList(objects, [one])
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.0.0', 60: 'scaled@1.0.0' })
    await putList(objects, [one, await version(objects, '1.1.0', '2024-11-05T10:00:00Z', 2)])
    now = 29_999
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.0.0', 60: 'scaled@1.0.0' })
    now = 30_000
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.1.0', 60: 'scaled@1.1.0' })
    expect(await versionsAt(models, BIN - 300_000)).toEqual({ 15: 'scaled@1.0.0', 60: 'scaled@1.0.0' })
  })

  test('a version with one refused pack is passed over for all horizons, and counted', async () => {
    const objects = openObjectMap()
    const metrics = new Registry()
    const models = registry(objects, metrics)
    const one = await version(objects, '1.0.0', '2024-11-01T00:00:00Z', 1)
    const two = await version(objects, '1.1.0', '2024-11-02T00:00:00Z', 1)
    await objects.put('models/h60/1.1.0/model.onnx', Buffer.from('cut'))
    await putList(objects, [one, two])
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.0.0', 60: 'scaled@1.0.0' })
    await versionsAt(models, BIN)
    expect(await metrics.metrics()).toContain('velocast_model_refusals_total{what="pack"} 1')
  })

  test('a list that cannot be parsed or read leaves in force what was', async () => {
    const objects = openObjectMap()
    const models = registry(objects)
    await putList(objects, [await version(objects, '1.0.0', '2024-11-01T00:00:00Z', 1)])
    await models.refresh('town')
    await objects.put(MODEL_LIST_PATH, Buffer.from('{"versions": [{'))
    now += 30_000
    await models.refresh('town')
    objects.failures.push(new VelocastError({ code: 'store_unreachable', message: 'away', retryable: true }))
    now += 30_000
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.0.0', 60: 'scaled@1.0.0' })
  })

  test('a horizon that the newest version lacks comes from the version before it', async () => {
    const objects = openObjectMap()
    const models = registry(objects)
    const one = await version(objects, '1.0.0', '2024-11-01T00:00:00Z', 1)
    const two = await version(objects, '1.1.0', '2024-11-02T00:00:00Z', 1)
    await putList(objects, [one, { ...two, horizons: { '15': two.horizons['15'] } }])
    await models.refresh('town')
    expect(await versionsAt(models, BIN)).toEqual({ 15: 'scaled@1.1.0', 60: 'scaled@1.0.0' })
  })

  test('without any version in force there is no forecast but a retryable error', async () => {
    const objects = openObjectMap()
    const models = registry(objects)
    await putList(objects, [await version(objects, '1.0.0', '2024-11-06T00:00:00Z', 1)])
    await models.refresh('town')
    await expect(models.packsInForce('town', BIN)).rejects.toMatchObject({
      code: 'model_not_found',
      retryable: true,
    })
  })

  test('a version used after many others were is loaded again', async () => {
    const objects = openObjectMap()
    const models = registry(objects)
    const versions: ModelList['versions'] = []
    for (let day = 1; day <= 6; day += 1) {
      versions.push(await version(objects, `1.${day}.0`, `2024-11-0${day}T00:00:00Z`, day))
    }
    await putList(objects, versions)
    await models.refresh('town')
    for (const day of [1, 2, 3, 4, 5, 6, 1]) {
      const pack = (await models.packsInForce('town', Date.parse(`2024-11-0${day}T12:00:00Z`))).get(15)!
      if (pack.kind !== 'direct') throw new Error('persistence must be direct')
      const { output } = await pack.predict(Float32Array.of(10), 1)
      expect(rowOf(output, 0)).toEqual({ bikes_mean: 10 * day })
    }
  })
})
