import { beforeAll, describe, expect, test } from 'vitest'
import { ENSEMBLES } from '../../services/domain/forecasting/calibration.ts'
import { decodeCalibration, encodeCalibration } from '../../services/domain/forecasting/calibration-file.ts'
import { decodeEncoders, encodeEncoders } from '../../services/domain/forecasting/encoders-file.ts'
import { PACK_FILES, type TrainedManifest } from '../../services/domain/forecasting/trained-manifest.ts'
import { openInference } from '../../services/platform/onnx/inference.ts'
import { loadModelPack } from '../../services/platform/onnx/pack.ts'
import { sha256 } from '../../services/platform/onnx/persistence-pack.ts'
import type { HorizonModel } from '../../services/train/horizon-model.ts'
import type { TrainedPack } from '../../services/train/pack.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import type { RowSource } from '../../services/train/training-rows.ts'
import { openObjectMap } from '../platform/onnx/object-map.ts'
import { packOf, recordingOf, START, sourceOf, TRAINED_UNTIL, townModel, townPolls } from './trained-town.ts'

let source: RowSource
let model: HorizonModel
let pack: TrainedPack

beforeAll(async () => {
  source = sourceOf(await recordingOf(townPolls({ from: START, until: TRAINED_UNTIL })), 60)
  model = townModel(source)
  pack = packOf({ source, model, version: '1.0.0' })
}, 60_000)

const fileOf = (name: string): Buffer => pack.files.find((file) => file.name === name)!.bytes

/** Publishes the pack with some of its files (and its manifest) changed, and loads it. */
async function load(options: {
  files?: Record<string, (bytes: Buffer) => Buffer>
  /** Changes the manifest after the files' digests were put into it. */
  manifest?: (manifest: TrainedManifest) => void
  /** Leaves the digests as they were. */
  stale?: boolean
  system?: string
  horizon?: number
}) {
  const objects = openObjectMap()
  const manifest = structuredClone(pack.manifest)
  const files = pack.files.slice(0, -1).map(({ name, bytes }) => {
    const changed = options.files?.[name]?.(Buffer.from(bytes)) ?? bytes
    if (options.stale !== true) {
      if (name === PACK_FILES.model) manifest.sha256 = sha256(changed)
      else manifest.files[name] = { sha256: sha256(changed), bytes: changed.length }
    }
    return { name, bytes: changed }
  })
  options.manifest?.(manifest)
  files.push({ name: 'manifest.json', bytes: Buffer.from(JSON.stringify(manifest)) })
  const { horizons } = {
    horizons: await publishPacks({ objects, packs: [{ manifest: pack.manifest, files }] }),
  }
  const horizon = options.horizon ?? 60
  const entry = Object.values(horizons)[0]!
  const inference = openInference()
  try {
    return await loadModelPack({
      objects,
      inference,
      system: options.system ?? 'town',
      horizon,
      version: { version: '1.0.0', effective_from: '1970-01-01T00:00:00Z', horizons: { [horizon]: entry } },
    })
  } finally {
    await inference.close()
  }
}

describe('a trained pack', () => {
  test('comes back as it was built: encoders, calibration, and four outputs that the trainer gives', async () => {
    const loaded = await load({})
    if (loaded.kind !== 'trained') throw new Error('pack must be trained')
    expect(loaded.version).toBe('trees@1.0.0')
    expect(loaded.manifest).toEqual(pack.manifest)
    expect(loaded.encoders).toEqual({
      places: source.places,
      neighbourhood: source.neighbourhood,
      profile: model.profile,
    })
    expect(loaded.calibration).toEqual(model.calibration)
    expect(Object.keys(pack.manifest.ensembles)).toEqual([...ENSEMBLES])
    expect(pack.manifest.golden.length).toBeGreaterThan(4)
    expect(new Set(pack.manifest.golden.map(({ station }) => station)).size).toBeGreaterThan(3)
  })

  test('has the same bytes for equal training, others for another seed', async () => {
    const again = packOf({ source, model: townModel(source), version: '1.0.0' })
    expect(again.files.map(({ name, bytes }) => [name, sha256(bytes)])).toEqual(
      pack.files.map(({ name, bytes }) => [name, sha256(bytes)]),
    )
    const other = packOf({ source, model: townModel(source, 2), version: '1.0.0' })
    expect(sha256(other.files[0]!.bytes)).not.toBe(sha256(pack.files[0]!.bytes))
  })

  test('carries further files under their digests', () => {
    const card = { name: 'card.md', bytes: Buffer.from('# Model card\n') }
    const { manifest, files } = packOf({ source, model, version: '1.0.0', extra: [card] })
    expect(manifest.files['card.md']).toEqual({ sha256: sha256(card.bytes), bytes: card.bytes.length })
    expect(files).toContainEqual(card)
  })

  test('is not built for another horizon than its rows', () => {
    expect(() => packOf({ source: { ...source, horizonMinutes: 15 }, model, version: '1.0.0' })).toThrow(
      /must have one horizon, got 60 and 15/,
    )
  })
})

describe('a trained pack is refused with the reason', () => {
  const flip = (bytes: Buffer): Buffer => {
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  }
  const cases: [string, Parameters<typeof load>[0], RegExp][] = [
    ['another system', { system: 'city' }, /system must be city, got town/],
    ['another horizon', { horizon: 15 }, /horizon_min must be 15, got 60/],
    [
      'another version',
      { manifest: (manifest) => Object.assign(manifest, { version: '1.0.1' }) },
      /version must be 1.0.0, got 1.0.1/,
    ],
    [
      'a feature set of another version',
      { manifest: ({ features }) => Object.assign(features, { set: 'rich-0' }) },
      /features.set must be rich-1, got rich-0/,
    ],
    [
      'features in another order',
      { manifest: ({ features }) => features.names.reverse() },
      /features.hash must be \w{16}, got \w{16}/,
    ],
    [
      'an unknown feature',
      { manifest: ({ features }) => features.names.splice(0, 1, 'moon') },
      /features.names must be known, got moon/,
    ],
    [
      'a model with one bit changed',
      { files: { 'model.onnx': flip }, stale: true },
      /sha256 of .*model.onnx must be/,
    ],
    [
      'encoders with one bit changed',
      { files: { 'encoders.bin': flip }, stale: true },
      /sha256 of .*encoders.bin/,
    ],
    [
      'a calibration with one bit changed',
      { files: { 'calibration.json': flip }, stale: true },
      /sha256 of .*calibration.json/,
    ],
    [
      'bytes that are no model',
      { files: { 'model.onnx': () => Buffer.from('no model') } },
      /onnx runtime says/,
    ],
    [
      'encoders of another format',
      { files: { 'encoders.bin': () => Buffer.from('not at all encoders') } },
      /encoders must begin with VCENC001, got not at a/,
    ],
    [
      'encoders cut off',
      { files: { 'encoders.bin': (bytes) => bytes.subarray(0, -4) } },
      /encoders must have \d+ bytes, got \d+/,
    ],
    [
      'encoders of other stations',
      { manifest: (manifest) => Object.assign(manifest, { stations: 15 }) },
      /stations must be 15, got 14 in encoders.bin/,
    ],
    [
      'a calibration of fewer stations',
      {
        files: {
          'calibration.json': (bytes) => {
            const json = JSON.parse(bytes.toString('utf8'))
            json.guard.classes.pop()
            return Buffer.from(JSON.stringify(json))
          },
        },
      },
      /guard.classes must have 14 values, got 13/,
    ],
    [
      'a calibration that is broken',
      { files: { 'calibration.json': () => Buffer.from('{"meanWeights":[1,2]}') } },
      /calibration is broken: meanWeights/,
    ],
    [
      'golden outputs that the model does not give',
      {
        manifest: ({ golden }) => {
          golden[1]!.outputs.scale += 1
        },
      },
      /golden\[1\].outputs.scale must be/,
    ],
    [
      'golden forecasts that the calibration does not give',
      {
        manifest: ({ golden }) => {
          golden[2]!.forecast.q90 += 1
        },
      },
      /golden\[2\].forecast.q90 must be/,
    ],
    [
      'an output that the graph lacks',
      { manifest: ({ ensembles }) => Object.assign(ensembles, { robust: 'sturdy' }) },
      /model must have the output sturdy/,
    ],
    [
      'golden rows of another width',
      { manifest: ({ golden }) => golden[0]!.features.pop() },
      /golden\[0\].features must have \d+ values/,
    ],
    [
      'observations carried beyond the window',
      { manifest: (manifest) => Object.assign(manifest, { carry_minutes: 300 }) },
      /carry_minutes/,
    ],
    [
      'a calibration that is not listed',
      { manifest: ({ files }) => Reflect.deleteProperty(files, 'calibration.json') },
      /files must have calibration.json/,
    ],
  ]
  test.each(cases)('%s', async (_, change, message) => {
    const loading = load(change)
    await expect(loading).rejects.toThrow(message)
    await expect(loading).rejects.toMatchObject({ code: 'model_pack_invalid', retryable: false })
  })
})

describe('files of a pack', () => {
  test('encoders and calibration written again are the same bytes', () => {
    const encoders = fileOf(PACK_FILES.encoders)
    expect(encodeEncoders(decodeEncoders(encoders)).equals(encoders)).toBe(true)
    const calibration = fileOf(PACK_FILES.calibration)
    const again = encodeCalibration(decodeCalibration(calibration, { stations: 14 }))
    expect(again.equals(calibration)).toBe(true)
  })

  test('publishing the same packs again changes nothing; other content under the version is refused', async () => {
    const objects = openObjectMap()
    const horizons = await publishPacks({ objects, packs: [pack] })
    const writes = objects.writes.length
    expect(objects.writes.at(-1)).toBe('town/models/h60/1.0.0/manifest.json')
    expect(await publishPacks({ objects, packs: [pack] })).toEqual(horizons)
    expect(objects.writes).toHaveLength(writes)
    const other = packOf({ source, model, version: '1.0.0', metrics: { mae: 2 } })
    await expect(publishPacks({ objects, packs: [other] })).rejects.toMatchObject({ code: 'request_invalid' })
  })
})
