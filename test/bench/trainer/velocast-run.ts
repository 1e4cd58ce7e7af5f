/** One run of Velocast's trainer over the files of data.ts, in a process of its own; prints a RunResult as JSON. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { binRows } from '../../../services/train/gradient-boosting/binned-rows.ts'
import type { Features } from '../../../services/train/gradient-boosting/features.ts'
import { predict } from '../../../services/train/gradient-boosting/model.ts'
import { trainGradientBoosting } from '../../../services/train/gradient-boosting/train.ts'
import type { RunResult, RunTask } from './runs.ts'

const { directory, width, rounds, depth, threads, growth, loss } = JSON.parse(process.argv[2]!) as RunTask
const read = (name: string): Float32Array => {
  const bytes = readFileSync(join(directory, `${name}.f32`))
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}
const columnsOf = (values: Float32Array): Features => {
  const rows = values.length / width
  return {
    layout: 'columns',
    columns: Array.from({ length: width }, (_, column) =>
      values.subarray(column * rows, (column + 1) * rows),
    ),
  }
}
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const features = columnsOf(read('features'))
const target = read('target')
const begun = performance.now()
const cpuBegun = cpuSeconds()
const binned = binRows({ features })
const binnedAt = performance.now()
const cpuBinned = cpuSeconds()
const { model } = await trainGradientBoosting({
  features: binned,
  target,
  options: {
    loss: { kind: loss },
    rounds,
    threads,
    growth,
    maxDepth: depth,
    maxLeaves: 2 ** depth,
    minChildWeight: 20,
    l2: 1,
    learningRate: 0.1,
  },
})
const trainedAt = performance.now()
const cpuTrained = cpuSeconds()
const peakMebibytes = process.resourceUsage().maxRSS / 1024
const predictions = predict({ model, features: columnsOf(read('test_features')) })
const truth = read('test_target')
let squares = 0
let absolutes = 0
predictions.forEach((value, row) => {
  squares += (value - truth[row]!) ** 2
  absolutes += Math.abs(value - truth[row]!)
})
const result: RunResult = {
  prepare_seconds: (binnedAt - begun) / 1000,
  train_seconds: (trainedAt - binnedAt) / 1000,
  prepare_cpu_seconds: cpuBinned - cpuBegun,
  train_cpu_seconds: cpuTrained - cpuBinned,
  rmse: Math.sqrt(squares / truth.length),
  mae: absolutes / truth.length,
  peak_mebibytes: peakMebibytes,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
