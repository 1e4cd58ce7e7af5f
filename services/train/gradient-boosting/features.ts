import { VelocastError } from '../../platform/errors.ts'

/**
 * Single-precision features, NaN where unknown: one array a feature, or one array row after row, of which `places` are
 * the features' places in a row, all in order where absent. Nothing is copied; the arrays must not change while they
 * are read.
 */
export type Features =
  | { layout: 'columns'; columns: readonly Float32Array[] }
  | { layout: 'rows'; values: Float32Array; width: number; places?: readonly number[] }

/** Where the value of (row, feature) is: `values[row * stride + offset]`. */
export interface Column {
  values: Float32Array
  stride: number
  offset: number
}

export function featureCount(features: Features): number {
  if (features.layout === 'columns') return features.columns.length
  return features.places?.length ?? features.width
}

export function rowCount(features: Features): number {
  if (features.layout === 'columns') return features.columns[0]?.length ?? 0
  return features.width === 0 ? 0 : features.values.length / features.width
}

export function columnOf(features: Features, feature: number): Column {
  if (features.layout === 'columns') return { values: features.columns[feature]!, stride: 1, offset: 0 }
  return {
    values: features.values,
    stride: features.width,
    offset: features.places?.[feature] ?? feature,
  }
}

/** Throws `request_invalid` for columns of unlike length, a broken last row, or no feature at all. */
export function assertFeatures(features: Features): void {
  const invalid = (message: string): VelocastError => new VelocastError({ code: 'request_invalid', message })
  if (featureCount(features) === 0) throw invalid('features must have at least one column, got 0')
  if (features.layout === 'rows') {
    const rows = rowCount(features)
    if (!Number.isInteger(rows)) {
      throw invalid(`features must be whole rows of ${features.width} values, got ${features.values.length}`)
    }
    return
  }
  const rows = rowCount(features)
  const unlike = features.columns.findIndex((column) => column.length !== rows)
  if (unlike >= 0) {
    throw invalid(
      `features must be columns of one length, ${rows}: column ${unlike} has ${features.columns[unlike]!.length}`,
    )
  }
}
