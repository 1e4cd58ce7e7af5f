import { compareObservations, type Observation } from '../domain/observation.ts'
import { LAST_TIE_BREAKERS } from '../platform/parquet/observation-sql.ts'

/**
 * The later of two observations of one station and bin: the domain's order, then the columns that it does not cover,
 * null least, exactly as compaction orders in SQL.
 */
export function laterObservation(a: Observation, b: Observation): Observation {
  const order = compareObservations(a, b)
  if (order !== 0) return order > 0 ? a : b
  for (const column of LAST_TIE_BREAKERS) {
    const left = a[column] ?? Number.NEGATIVE_INFINITY
    const right = b[column] ?? Number.NEGATIVE_INFINITY
    if (left !== right) return left > right ? a : b
  }
  return a
}
