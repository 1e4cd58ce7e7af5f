import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mix } from '../../../services/train/gradient-boosting/random.ts'

export interface BenchData {
  rows: number
  testRows: number
  width: number
  /** Column by column. */
  features: Float32Array<ArrayBuffer>
  testFeatures: Float32Array<ArrayBuffer>
  target: Float32Array<ArrayBuffer>
  testTarget: Float32Array<ArrayBuffer>
}

/**
 * Made-up change of a station's bikes in an hour: waves over the day and the week, occupancy, flags, counts with few
 * values, heavy tails, a tenth missing in a third of the columns, noise. Half of the columns carry signal.
 */
export function makeData({
  rows,
  testRows,
  width,
  seed,
}: {
  rows: number
  testRows: number
  width: number
  seed: number
}): BenchData {
  const make = (count: number, salt: number) => {
    const uniform = (row: number, column: number): number =>
      (mix(row, mix(column, mix(seed, salt))) + 0.5) / 2 ** 32
    const features = new Float32Array(count * width)
    const target = new Float32Array(count)
    const cells = new Float32Array(width)
    for (let row = 0; row < count; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const share = uniform(row, column)
        if (column % 5 === 1) cells[column] = Math.floor(share * 40)
        else if (column % 5 === 2) cells[column] = -Math.log(share)
        else if (column % 5 === 3) cells[column] = share < 0.3 ? 1 : 0
        else cells[column] = share * 24
      }
      const at = (column: number): number => cells[column % width]!
      const noise =
        Math.sqrt(-2 * Math.log(uniform(row, width))) * Math.cos(2 * Math.PI * uniform(row, width + 1))
      target[row] =
        3 * Math.sin((at(0) / 24) * 2 * Math.PI) +
        (at(3) === 1 ? 2 : -1) * Math.cos((at(4) / 12) * Math.PI) +
        Math.sqrt(at(1)) * (at(5) > 12 ? 0.7 : -0.3) +
        Math.min(at(2), 3) * at(7) * 0.3 +
        Math.abs(at(9) - 12) * 0.1 * at(8) +
        0.05 * at(10) * (at(6) > 20 ? 1 : -1) +
        0.2 * at(11) +
        Math.sin(at(14) * at(15) * 0.05) +
        noise
      for (let column = 0; column < width; column += 1) {
        const gone = column % 3 === 0 && uniform(row, width + 2 + column) < 0.1
        features[column * count + row] = gone ? Number.NaN : cells[column]!
      }
    }
    return { features, target }
  }
  const training = make(rows, 1)
  const test = make(testRows, 2)
  return {
    rows,
    testRows,
    width,
    features: training.features,
    target: training.target,
    testFeatures: test.features,
    testTarget: test.target,
  }
}

/** Raw little-endian single-precision files, which both sides read. */
export async function writeData(directory: string, data: BenchData): Promise<void> {
  const files = {
    features: data.features,
    target: data.target,
    test_features: data.testFeatures,
    test_target: data.testTarget,
  }
  for (const [name, values] of Object.entries(files)) {
    await writeFile(join(directory, `${name}.f32`), Buffer.from(values.buffer))
  }
}
