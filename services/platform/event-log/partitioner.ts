const M = 0x5bd1e995
const R = 24
const SEED = 0x9747b28c

/**
 * Murmur2 of the bytes as a signed 32-bit integer, as `org.apache.kafka.common.utils.Utils.murmur2` computes it.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  let hash = SEED ^ length
  const words = length >>> 2
  for (let word = 0; word < words; word++) {
    let k = Math.imul(view.getInt32(word * 4, true), M)
    k ^= k >>> R
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  const tail = words * 4
  const rest = length - tail
  if (rest === 3) hash ^= bytes[tail + 2]! << 16
  if (rest >= 2) hash ^= bytes[tail + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[tail]!, M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/**
 * Partition of a key: what the default partitioner of Kafka's Java client gives for a keyed record, so that any
 * client which partitions by the system finds the same partition. `partitions` is at least 1.
 */
export function partitionOf(partitionKey: string, partitions: number): number {
  return (murmur2(Buffer.from(partitionKey, 'utf8')) & 0x7fffffff) % partitions
}
