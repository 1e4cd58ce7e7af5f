/**
 * The weighted quantile of `values[from … to − 1]`: the least value whose weight, with all that is less, reaches `level`
 * of the total; half way to the next value where it is reached exactly. Weights are whole numbers and may be zero.
 * Reorders both arrays. NaN where the total is zero. Linear time on average; ties cost nothing.
 */
export function weightedQuantile({
  values,
  weights,
  from,
  to,
  level,
}: {
  values: Float64Array
  weights: Float64Array
  from: number
  to: number
  level: number
}): number {
  let total = 0
  for (let place = from; place < to; place += 1) total += weights[place]!
  if (total === 0) return Number.NaN
  const wanted = level * total
  let low = from
  let high = to
  let before = 0
  for (;;) {
    const pivot = median(values[low]!, values[(low + high) >> 1]!, values[high - 1]!)
    let less = low
    let place = low
    let greater = high
    let lessWeight = 0
    let equalWeight = 0
    while (place < greater) {
      const value = values[place]!
      if (value < pivot) {
        lessWeight += weights[place]!
        swap(values, weights, less, place)
        less += 1
        place += 1
      } else if (value > pivot) {
        greater -= 1
        swap(values, weights, place, greater)
      } else {
        equalWeight += weights[place]!
        place += 1
      }
    }
    if (before + lessWeight >= wanted && lessWeight > 0) high = less
    else if (before + lessWeight + equalWeight >= wanted && equalWeight > 0) {
      if (before + lessWeight + equalWeight > wanted) return pivot
      const next = leastAbove(values, weights, greater, to)
      return next === Number.POSITIVE_INFINITY ? pivot : (pivot + next) / 2
    } else {
      before += lessWeight + equalWeight
      low = greater
    }
  }
}

function leastAbove(values: Float64Array, weights: Float64Array, from: number, to: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let place = from; place < to; place += 1) {
    if (weights[place]! > 0 && values[place]! < least) least = values[place]!
  }
  return least
}

function swap(values: Float64Array, weights: Float64Array, one: number, other: number): void {
  const value = values[one]!
  const weight = weights[one]!
  values[one] = values[other]!
  weights[one] = weights[other]!
  values[other] = value
  weights[other] = weight
}

function median(one: number, two: number, three: number): number {
  return Math.max(Math.min(one, two), Math.min(Math.max(one, two), three))
}
