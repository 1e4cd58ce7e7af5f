import { VelocastError } from '../../platform/errors.ts'
import type { BoostedTrees } from './model.ts'

const MAGIC = 'VCGBT001'
const HEADER_BYTES = MAGIC.length + 16
/** Arrays in the order of the file, widest numbers first, so that each is aligned. */
const NODE_BYTES = 4 + 4 + 4 + 4 + 2 + 1

/**
 * A model as bytes, little-endian: the magic, features and trees (32 bits each), the base (64 bits), then the columns
 * `starts`, `left`, `threshold`, `value`, `gain`, `feature`, `missingLeft`. 19 bytes a node; the same model gives the
 * same bytes.
 */
export function serializeModel(model: BoostedTrees): Uint8Array<ArrayBuffer> {
  const nodes = model.left.length
  const bytes = new Uint8Array(HEADER_BYTES + model.starts.byteLength + nodes * NODE_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(new TextEncoder().encode(MAGIC))
  view.setUint32(MAGIC.length, model.features, true)
  view.setUint32(MAGIC.length + 4, model.starts.length - 1, true)
  view.setFloat64(MAGIC.length + 8, model.base, true)
  let place = HEADER_BYTES
  const columns = [
    model.starts,
    model.left,
    model.threshold,
    model.value,
    model.gain,
    model.feature,
    model.missingLeft,
  ]
  for (const { buffer, byteOffset, byteLength } of columns) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), place)
    place += byteLength
  }
  return bytes
}

/** Throws `model_pack_invalid` for bytes that are no such model: of another format, cut off, or with broken trees. */
export function deserializeModel(given: Uint8Array): BoostedTrees {
  const bytes = Uint8Array.from(given)
  const view = new DataView(bytes.buffer)
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length))
  if (magic !== MAGIC || bytes.length < HEADER_BYTES) throw invalid(`must begin with ${MAGIC}, got ${magic}`)
  const features = view.getUint32(MAGIC.length, true)
  const trees = view.getUint32(MAGIC.length + 4, true)
  const base = view.getFloat64(MAGIC.length + 8, true)
  let place = HEADER_BYTES
  const take = (size: number): ArrayBuffer => {
    if (place + size > bytes.length) {
      throw invalid(`must have ${place + size} bytes or more, got ${bytes.length}`)
    }
    place += size
    return bytes.buffer.slice(place - size, place)
  }
  const starts = new Int32Array(take((trees + 1) * 4))
  const nodes = starts[trees]!
  if (bytes.length !== place + nodes * NODE_BYTES) {
    throw invalid(`must have ${place + nodes * NODE_BYTES} bytes, got ${bytes.length}`)
  }
  const model: BoostedTrees = {
    features,
    base,
    starts,
    left: new Int32Array(take(nodes * 4)),
    threshold: new Float32Array(take(nodes * 4)),
    value: new Float32Array(take(nodes * 4)),
    gain: new Float32Array(take(nodes * 4)),
    feature: new Uint16Array(take(nodes * 2)),
    missingLeft: new Uint8Array(take(nodes)),
  }
  assertTrees(model)
  return model
}

/** Children come after their parent and within its tree, so that every walk ends in a leaf. */
function assertTrees({ starts, left, feature, features, value, base }: BoostedTrees): void {
  if (!Number.isFinite(base)) throw invalid(`base must be finite, got ${base}`)
  if (starts[0] !== 0) throw invalid(`first tree must begin at 0, got ${starts[0]}`)
  for (let tree = 0; tree + 1 < starts.length; tree += 1) {
    const size = starts[tree + 1]! - starts[tree]!
    if (size < 1) throw invalid(`tree ${tree} must have a node, got ${size}`)
    for (let node = 0; node < size; node += 1) {
      const index = starts[tree]! + node
      const child = left[index]!
      if (child !== 0 && (child <= node || child + 1 >= size)) {
        throw invalid(
          `child of node ${node} of tree ${tree} must be from ${node + 1} to ${size - 2}, got ${child}`,
        )
      }
      if (feature[index]! >= features) {
        throw invalid(
          `feature of node ${node} of tree ${tree} must be below ${features}, got ${feature[index]}`,
        )
      }
      if (!Number.isFinite(value[index]!)) {
        throw invalid(`value of node ${node} of tree ${tree} must be finite, got ${value[index]}`)
      }
    }
  }
}

function invalid(fault: string): VelocastError {
  return new VelocastError({
    code: 'model_pack_invalid',
    message: `trained model is refused, train it again: ${fault}`,
  })
}
