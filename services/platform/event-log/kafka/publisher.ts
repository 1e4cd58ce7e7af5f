import type { Producer } from 'kafkajs'
import { partitionOf } from '../partitioner.ts'
import type { OutgoingRecord, Position } from '../port.ts'
import { BATCH_OVERHEAD, recordBytes, requireWithinLimit } from '../record-size.ts'
import type { KafkaConnection } from './connection.ts'
import { encodeBatch } from './encode-batch.ts'
import { kafkaError } from './kafka-error.ts'
import { batchMessage } from './mend-record-batches.ts'
import type { KafkaTopics, TopicFacts } from './topics.ts'

/** kafkajs spreads the records of a batch that it reads over the stack: far fewer than that holds, and plenty. */
const REQUEST_RECORDS = 2_000
/** Well below a broker's socket.request.max.bytes (100 MiB), whatever the number of partitions. */
const REQUEST_BYTES = 32 * 1024 * 1024

interface Routed {
  index: number
  partition: number
  record: OutgoingRecord
}

/**
 * Publishes with acks of all replicas and one request in flight for each topic, so that order survives retries.
 * The producer is not idempotent: kafkajs keeps its sequence number after a request failed for good, so the broker
 * would take the next, different batch for a repetition and drop it. A repeated record is harmless (law 5), a lost one not.
 */
export class KafkaPublisher {
  readonly #connection: KafkaConnection
  readonly #topics: KafkaTopics
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(connection: KafkaConnection, topics: KafkaTopics) {
    this.#connection = connection
    this.#topics = topics
  }

  async publish(topic: string, records: OutgoingRecord[]): Promise<Position[]> {
    const before = this.#last.get(topic) ?? Promise.resolve()
    const own = before.then(() => this.#send(topic, records))
    this.#last.set(
      topic,
      own.catch(() => undefined),
    )
    return own
  }

  async #send(topic: string, records: OutgoingRecord[]): Promise<Position[]> {
    const facts = await this.#topics.facts(topic)
    requireWithinLimit(topic, records, facts.maxBytes)
    const producer = await this.#connection.producer()
    const positions = new Array<Position>(records.length)
    for (const request of requests(records, facts)) {
      await sendRequest(producer, topic, request, positions)
    }
    return positions
  }
}

/** Splits records, in order, into requests whose batches stay below the topic's limit. */
export function* requests(
  records: OutgoingRecord[],
  { partitions, maxBytes }: TopicFacts,
): Generator<Routed[]> {
  const known = new Map<string, number>()
  let request: Routed[] = []
  let total = 0
  let batches = new Map<number, number>()
  for (const [index, record] of records.entries()) {
    const partition = known.get(record.partitionKey) ?? partitionOf(record.partitionKey, partitions)
    known.set(record.partitionKey, partition)
    const bytes = recordBytes(record)
    const batch = batches.get(partition) ?? BATCH_OVERHEAD
    const full =
      batch + bytes > maxBytes || total + bytes > REQUEST_BYTES || request.length >= REQUEST_RECORDS
    if (full && request.length > 0) {
      yield request
      request = []
      total = 0
      batches = new Map()
    }
    request.push({ index, partition, record })
    total += bytes
    batches.set(partition, (batches.get(partition) ?? BATCH_OVERHEAD) + bytes)
  }
  if (request.length > 0) yield request
}

async function sendRequest(
  producer: Producer,
  topic: string,
  request: Routed[],
  positions: Position[],
): Promise<void> {
  try {
    const byPartition = Map.groupBy(request, ({ partition }) => partition)
    const now = Date.now()
    const answer = await producer.send({
      topic,
      acks: -1,
      messages: [...byPartition].map(([partition, routed]) =>
        batchMessage(
          partition,
          encodeBatch(
            routed.map(({ record }) => record),
            now,
          ),
        ),
      ),
    })
    const next = new Map(answer.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
    for (const { index, partition } of request) {
      const offset = next.get(partition)!
      positions[index] = { topic, partition, offset }
      next.set(partition, offset + 1)
    }
  } catch (error) {
    throw kafkaError(error, topic)
  }
}
