/** Ridge, as a share of the diagonal: pulls the weights together where the models say the same. */
const RIDGE = 0.02

/**
 * Weights w that minimise Σ (change − Σ w_k x_k)², pulled towards equal ones. The models' outputs are changes, so no
 * constant is added: where they say nothing changes, nothing does. Gaussian elimination; no row gives equal weights.
 */
export function fitMeanWeights(outputs: readonly Float32Array[], change: Float32Array): number[] {
  const size = outputs.length
  const matrix = Array.from({ length: size }, () => new Float64Array(size + 1))
  for (let row = 0; row < change.length; row += 1) {
    for (let i = 0; i < size; i += 1) {
      const x = outputs[i]![row]!
      matrix[i]![size]! += x * change[row]!
      for (let j = 0; j < size; j += 1) matrix[i]![j]! += x * outputs[j]![row]!
    }
  }
  const ridge = Math.max(...matrix.map((line, i) => line[i]!)) * RIDGE
  if (!(ridge > 0)) return outputs.map(() => 1 / size)
  matrix.forEach((line, i) => {
    line[i]! += ridge
    line[size]! += ridge / size
  })
  for (let i = 0; i < size; i += 1) {
    const pivot = matrix[i]![i]!
    for (let j = i; j <= size; j += 1) matrix[i]![j]! /= pivot
    for (let k = 0; k < size; k += 1) {
      if (k === i) continue
      const factor = matrix[k]![i]!
      for (let j = i; j <= size; j += 1) matrix[k]![j]! -= factor * matrix[i]![j]!
    }
  }
  return matrix.map((line) => line[size]!)
}
