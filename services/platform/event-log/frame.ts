import type avro from 'avsc'

/** Byte 0 and the schema id as big-endian uint32: Confluent's framing. */
export const FRAME_BYTES = 5
/** Records of a poll share slabs of this size; larger records get a buffer of their own. */
const SLAB_BYTES = 64 * 1024

/**
 * Gives encoders that write into shared slabs: no copy and no allocation for each record. A slab lives as long as a
 * record in it is held.
 */
export function frameEncoder(): (type: avro.Type, id: number) => (value: unknown) => Buffer {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  let used = 0
  return (type, id) => (value) => {
    if (used + FRAME_BYTES > slab.length) renew(SLAB_BYTES)
    let end = type.encode(value, slab, used + FRAME_BYTES)
    if (end < 0) {
      renew(Math.max(SLAB_BYTES, slab.length - used - end))
      end = type.encode(value, slab, FRAME_BYTES)
    }
    slab[used] = 0
    slab.writeUInt32BE(id, used + 1)
    const framed = slab.subarray(used, end)
    used = end
    return framed
  }

  function renew(bytes: number): void {
    slab = Buffer.allocUnsafeSlow(bytes)
    used = 0
  }
}
