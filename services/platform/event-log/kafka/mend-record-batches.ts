import { createRequire } from 'node:module'
import type { KafkaMessage, Message } from 'kafkajs'
import { decodeRecords } from './decode-batch.ts'
import { HEAD_BYTES } from './encode-batch.ts'

/** Marks a message whose value is a whole record batch, and what takes the place of kafkajs's own modules. */
const RECORD_BATCH = Symbol.for('velocast.record-batch')

interface BatchMessage extends Message {
  value: Buffer
  [RECORD_BATCH]?: true
}

interface ProduceOptions {
  acks: number
  timeout: number
  transactionalId?: string | null
  topicData: { topic: string; partitions: { partition: number; messages: BatchMessage[] }[] }[]
}

interface Encoder {
  readonly buffer: Buffer
  writeString(text: string | null): Encoder
  writeInt16(value: number): Encoder
  writeInt32(value: number): Encoder
  writeBuffer(bytes: Buffer): Encoder
}

interface Request {
  encode(): Promise<Encoder>
}

/** Where kafkajs reads a fetch; `offset` moves as it does. */
interface Decoder {
  readonly buffer: Buffer
  offset: number
}

type DecodeBatch = (fetched: Decoder) => Promise<{ records: KafkaMessage[] }>
type MakeRequest = (options: ProduceOptions) => Request
type LookUpCodec = (attributes: number) => { decompress(bytes: Buffer): Promise<Buffer> } | null

/** Where they stand in a record batch of format 2. */
const AT = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  attributes: 21,
  lastDelta: 23,
  firstTime: 27,
  maxTime: 35,
  producer: 43,
  producerEpoch: 51,
  sequence: 53,
  count: 57,
} as const
const FLAG = { appendTime: 0x08, transactional: 0x10, control: 0x20 } as const
const APPEND_TIME = 1
const CREATE_TIME = 0

/** One message for kafkajs that stands for all records of a batch: see `encodeBatch`. */
export function batchMessage(partition: number, batch: Buffer): Message {
  const message: BatchMessage = { partition, value: batch, [RECORD_BATCH]: true }
  return message
}

/**
 * kafkajs 2.2.4 writes and reads every field of every record through objects and buffers of their own: more than half
 * of the processor time of a service on Kafka. Its request of produce here sends a `batchMessage` as it is, and its
 * decoder of record batches is ours. What else it does (leaders, retries, acknowledgements, groups, fetches) stays, and so
 * does what others send through it. Throws when kafkajs is no longer made so, or was used before.
 */
export function mendRecordBatches(): void {
  const require = createRequire(import.meta.url)
  const KafkaEncoder = require('kafkajs/src/protocol/encoder') as new (bytes: number) => Encoder
  const compression = require('kafkajs/src/protocol/message/compression') as {
    lookupCodecByAttributes: LookUpCodec
  }
  replace<MakeRequest>(require, {
    module: 'kafkajs/src/protocol/requests/produce/v3/request',
    usedBy: ['4', '5', '6', '7'].map(
      (version) => `kafkajs/src/protocol/requests/produce/v${version}/request`,
    ),
    by: (original) => (options) => {
      if (!isOfBatches(options)) return original(options)
      return {
        ...original({ ...options, topicData: [] }),
        encode: async () => encodeRequest(KafkaEncoder, options),
      }
    },
  })
  replace<DecodeBatch>(require, {
    module: 'kafkajs/src/protocol/recordBatch/v0/decoder',
    usedBy: ['kafkajs/src/protocol/requests/fetch/v4/decodeMessages'],
    by: (original) => (fetched) => decodeBatch(fetched, original, compression.lookupCodecByAttributes),
  })
}

/** Puts a function in the place of what a module of kafkajs exports; nothing may have taken that yet. */
function replace<Exported extends (...given: never[]) => unknown>(
  require: NodeJS.Require,
  { module, usedBy, by }: { module: string; usedBy: string[]; by: (original: Exported) => Exported },
): void {
  const original = require(module) as Exported
  if (RECORD_BATCH in original) return
  const used = usedBy.find((user) => require.resolve(user) in require.cache)
  if (typeof original !== 'function' || used !== undefined) {
    throw new Error(`kafkajs has no ${module} to mend, or has taken it already: ${used ?? typeof original}`)
  }
  const replacement = Object.assign(by(original), { [RECORD_BATCH]: true })
  require.cache[require.resolve(module)]!.exports = replacement
}

function isOfBatches({ topicData }: ProduceOptions): boolean {
  return topicData.every(({ partitions }) =>
    partitions.every(({ messages }) => messages.length === 1 && messages[0]![RECORD_BATCH] === true),
  )
}

/** Produce request of version 3 to 7. */
function encodeRequest(
  KafkaEncoder: new (bytes: number) => Encoder,
  { acks, timeout, transactionalId = null, topicData }: ProduceOptions,
): Encoder {
  const batches = topicData.flatMap(({ partitions }) => partitions.map(({ messages }) => messages[0]!.value))
  const bytes = batches.reduce((sum, { length }) => sum + length, 0)
  const encoder = new KafkaEncoder(bytes + 1024)
  encoder.writeString(transactionalId).writeInt16(acks).writeInt32(timeout).writeInt32(topicData.length)
  for (const { topic, partitions } of topicData) {
    encoder.writeString(topic).writeInt32(partitions.length)
    for (const { partition, messages } of partitions) {
      const batch = messages[0]!.value
      encoder.writeInt32(partition).writeInt32(batch.length).writeBuffer(batch)
    }
  }
  return encoder
}

/** One batch of a fetch, as kafkajs's own decoder gives it, but keys and headers as text. */
async function decodeBatch(
  fetched: Decoder,
  original: DecodeBatch,
  lookUpCodec: LookUpCodec,
): Promise<{ records: KafkaMessage[] }> {
  const { buffer, offset: at } = fetched
  const end =
    at + AT.leaderEpoch + (buffer.length - at >= AT.leaderEpoch ? buffer.readInt32BE(at + AT.length) : 0)
  const attributes = buffer.length - at < HEAD_BYTES ? FLAG.control : buffer.readInt16BE(at + AT.attributes)
  // What a fetch cut off, and marks of transactions, are kafkajs's to judge.
  if (end > buffer.length || (attributes & FLAG.control) !== 0) return original(fetched)
  fetched.offset = end
  const count = buffer.readInt32BE(at + AT.count)
  const maxTimestamp = String(buffer.readBigInt64BE(at + AT.maxTime))
  const firstOffset = Number(buffer.readBigInt64BE(at))
  const appendTime = (attributes & FLAG.appendTime) !== 0
  const batchContext = {
    firstOffset: String(firstOffset),
    firstTimestamp: String(buffer.readBigInt64BE(at + AT.firstTime)),
    partitionLeaderEpoch: buffer.readInt32BE(at + AT.leaderEpoch),
    inTransaction: (attributes & FLAG.transactional) !== 0,
    isControlBatch: false,
    lastOffsetDelta: buffer.readInt32BE(at + AT.lastDelta),
    producerId: String(buffer.readBigInt64BE(at + AT.producer)),
    producerEpoch: buffer.readInt16BE(at + AT.producerEpoch),
    firstSequence: buffer.readInt32BE(at + AT.sequence),
    maxTimestamp,
    timestampType: appendTime ? APPEND_TIME : CREATE_TIME,
    magicByte: buffer.readInt8(at + AT.magic),
  }
  const body = buffer.subarray(at + HEAD_BYTES, end)
  const codec = lookUpCodec(attributes)
  const records = decodeRecords({
    bytes: codec === null ? body : await codec.decompress(body),
    count,
    firstOffset,
    firstTimestamp: Number(batchContext.firstTimestamp),
  }).map((record) => ({
    magicByte: batchContext.magicByte,
    attributes: record.attributes,
    timestamp: appendTime ? maxTimestamp : String(record.timestamp),
    offset: String(record.offset),
    key: record.key,
    value: record.value,
    headers: record.headers,
    isControlRecord: false,
    batchContext,
  }))
  return { ...batchContext, records: records as unknown as KafkaMessage[] }
}
