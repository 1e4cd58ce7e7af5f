import { localHour } from '../domain/calendar.ts'
import { featuresHash } from '../domain/features.ts'
import { calibratedRow, ENSEMBLES, type Ensemble } from '../domain/forecasting/calibration.ts'
import { encodeCalibration } from '../domain/forecasting/calibration-file.ts'
import { encodeEncoders } from '../domain/forecasting/encoders-file.ts'
import { momentOf } from '../domain/forecasting/moment.ts'
import { RICH_FEATURE_SET, RICH_FEATURES, richFeatures } from '../domain/forecasting/rich-features.ts'
import { binAt, NO_AGE, rowAt } from '../domain/forecasting/station-grid.ts'
import { type GoldenRow, PACK_FILES, type TrainedManifest } from '../domain/forecasting/trained-manifest.ts'
import { VelocastError } from '../platform/errors.ts'
import { sha256 } from '../platform/onnx/persistence-pack.ts'
import { encodeTreeEnsembles, IR_VERSION, OPSET } from '../platform/onnx/tree-ensemble.ts'
import { ensembleOutputs } from './ensembles.ts'
import type { HorizonModel } from './horizon-model.ts'
import type { RowSource } from './training-rows.ts'

/** Forecasts carry `trees@<version>`. */
const NAME = 'trees'
const INPUT = 'features'
const GOLDEN_ROWS = 8
/** ONNX Runtime sums in single precision, the trainer in double. */
const TOLERANCE = 1e-4

export interface PackOptions {
  system: string
  /** Of `nextVersion`. */
  version: string
  /** What the model was trained on: its stations are the encoders', its last bins give the golden rows. */
  source: Pick<RowSource, 'grid' | 'places' | 'neighbourhood' | 'timezone' | 'horizonMinutes'>
  model: HorizonModel
  /** As `Recording.serviceFlags` found. */
  serviceFlags: boolean
  /** Minutes given to `carryForward`, 0 without. */
  carryMinutes: number
  /** Epoch ms. Labels lie in from..until; nothing after `cutOff` was known. */
  trained: { from: number; until: number; cutOff: number }
  /** Of the gate and whatever else; plain JSON. */
  metrics: TrainedManifest['metrics']
  /** Git revision, null when unknown. */
  createdFrom: string | null
  /** Further files: a model card, plots. */
  extra?: readonly { name: string; bytes: Buffer }[]
}

export interface TrainedPack {
  manifest: TrainedManifest
  /** `model.onnx`, `encoders.bin`, `calibration.json`, the extra ones, and last `manifest.json`. */
  files: { name: string; bytes: Buffer }[]
}

/**
 * All files of a trained pack of one system and horizon. Equal training gives equal bytes: no time, no name of a machine.
 * Memory: the files', about 3 kB a station and 200 bytes a node of the trees. Throws `request_invalid` for another
 * horizon than the source's, and when the span has no observation to make golden rows of.
 */
export function buildPack(options: PackOptions): TrainedPack {
  const { system, version, source, model, trained } = options
  const horizon = model.horizonMinutes
  if (horizon !== source.horizonMinutes) {
    const message = `model and source must have one horizon, got ${horizon} and ${source.horizonMinutes}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  const onnx = encodeTreeEnsembles(model.ensembles, {
    doc: `${system} in ${horizon} minutes, version ${version}: change in bikes, by four ensembles of trees.`,
    graph: `trees_h${horizon}`,
  })
  const { places, neighbourhood } = source
  const files = [
    { name: PACK_FILES.encoders, bytes: encodeEncoders({ places, neighbourhood, profile: model.profile }) },
    { name: PACK_FILES.calibration, bytes: encodeCalibration(model.calibration) },
    ...(options.extra ?? []),
  ]
  const manifest: TrainedManifest = {
    name: NAME,
    version,
    system,
    horizon_min: horizon,
    features: {
      set: RICH_FEATURE_SET,
      names: [...model.features],
      hash: featuresHash(model.features, RICH_FEATURE_SET),
    },
    input: INPUT,
    ensembles: Object.fromEntries(ENSEMBLES.map((name) => [name, name])) as Record<Ensemble, string>,
    sha256: sha256(onnx),
    files: Object.fromEntries(
      files.map(({ name, bytes }) => [name, { sha256: sha256(bytes), bytes: bytes.length }]),
    ),
    ir_version: IR_VERSION,
    opset: OPSET,
    stations: places.length,
    timezone: source.timezone,
    service_flags: options.serviceFlags,
    carry_minutes: options.carryMinutes,
    trained: {
      from: iso(trained.from),
      until: iso(trained.until),
      cut_off: iso(trained.cutOff),
      rows: model.facts.rows,
      out_of_sample_rows: model.facts.outOfSampleRows,
      folds: model.facts.folds,
      rounds: model.facts.rounds,
    },
    metrics: options.metrics,
    golden: goldenRows(options),
    tolerance: TOLERANCE,
    created_from: options.createdFrom,
  }
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  return {
    manifest,
    files: [{ name: PACK_FILES.model, bytes: onnx }, ...files, { name: 'manifest.json', bytes: text }],
  }
}

/** Rows of the span's last day, spread over its bins and the stations, with what the trainer's own trees say of them. */
function goldenRows({ source, model, trained }: PackOptions): GoldenRow[] {
  const { grid, places, neighbourhood, timezone } = source
  const until = Math.min(grid.bins, rowAt(grid, trained.until))
  const rows: GoldenRow[] = []
  for (let back = 1; back <= until && rows.length < GOLDEN_ROWS; back += rows.length === 0 ? 1 : 37) {
    const row = until - back
    const station = nthKnown(row, rows.length)
    if (station === null) continue
    const values = richFeatures({
      grid,
      row,
      moment: momentOf({ utc: binAt(grid, row), timezone }),
      encoders: { horizonMinutes: model.horizonMinutes, places, neighbourhood, profile: model.profile },
    }).subarray(station * RICH_FEATURES.length, (station + 1) * RICH_FEATURES.length)
    rows.push(goldenRow({ model, station, values, hour: localHour({ utc: binAt(grid, row), timezone }) }))
  }
  if (rows.length > 0) return rows
  throw new VelocastError({
    code: 'request_invalid',
    message: `pack needs an observation before ${iso(trained.until)} for its golden rows, got none`,
  })

  /** A station with an observation in the bin, another one for each golden row. */
  function nthKnown(row: number, place: number): number | null {
    const first = Math.floor((place * grid.stations) / GOLDEN_ROWS)
    for (let step = 0; step < grid.stations; step += 1) {
      const station = (first + step) % grid.stations
      if (grid.age[row * grid.stations + station] !== NO_AGE) return station
    }
    return null
  }
}

function goldenRow({
  model,
  station,
  hour,
  values,
}: {
  model: HorizonModel
  station: number
  hour: number
  values: Float32Array
}): GoldenRow {
  const value = (name: string): number => values[RICH_FEATURES.indexOf(name)]!
  const features = Float32Array.from(model.features, value)
  const outputs = ensembleOutputs(model.ensembles, {
    layout: 'rows',
    values: features,
    width: features.length,
  })
  const facts = {
    station: Int32Array.of(station),
    hour: Uint8Array.of(hour),
    bikes: Float32Array.of(value('bikes')),
    docks: Float32Array.of(value('docks')),
    capacity: Float32Array.of(value('capacity')),
  }
  const { mean, q10, median, q90, pBike, pDock, docks } = calibratedRow({
    calibration: model.calibration,
    outputs,
    facts,
    row: 0,
  })
  return {
    station,
    hour,
    bikes: orNull(facts.bikes[0]!),
    docks: orNull(facts.docks[0]!),
    capacity: orNull(facts.capacity[0]!),
    features: Array.from(features, orNull),
    outputs: Object.fromEntries(ENSEMBLES.map((name) => [name, outputs[name][0]!])) as Record<
      Ensemble,
      number
    >,
    forecast: { mean, q10, median, q90, p_bike: pBike, p_dock: orNull(pDock), docks: orNull(docks) },
  }
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

function iso(utc: number): string {
  return new Date(utc).toISOString()
}
