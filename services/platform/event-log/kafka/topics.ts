import kafkajs, { type Admin } from 'kafkajs'
import pLimit from 'p-limit'
import pRetry from 'p-retry'
import { topicMissing } from '../missing-topic.ts'
import type { GroupLag, Position, TopicSpec } from '../port.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaError } from './kafka-error.ts'

/** Six seconds in all. */
const PASSING_RETRY = { retries: 8, minTimeout: 100, maxTimeout: 1_000 }

/** What a publisher must know of a topic. */
export interface TopicFacts {
  partitions: number
  /** Largest record batch, bytes. */
  maxBytes: number
}

export interface Offsets {
  low: number
  /** Offset after the last record. */
  high: number
}

/**
 * Everything that is asked of the cluster about topics, partitions and groups.
 *
 * Questions take turns: kafkajs 2.2.4 replaces all of its admin's metadata by the topics of one question, so that another
 * topic's offsets, asked for at the same time, come without their partitions.
 */
export class KafkaTopics {
  readonly #connection: KafkaConnection
  readonly #replication: number
  readonly #facts = new Map<string, Promise<TopicFacts>>()
  readonly #turns = pLimit(1)

  constructor(connection: KafkaConnection, replication: number) {
    this.#connection = connection
    this.#replication = replication
  }

  async ensure(specs: TopicSpec[]): Promise<void> {
    try {
      await this.#ask(async (admin) => {
        const existing = new Set(await admin.listTopics())
        const missing = specs.filter(({ name }) => !existing.has(name))
        if (missing.length === 0) return
        await admin.createTopics({
          waitForLeaders: true,
          topics: missing.map((spec) => ({
            topic: spec.name,
            numPartitions: spec.partitions,
            replicationFactor: this.#replication,
            configEntries: Object.entries(topicConfig(spec, this.#replication)).map(([name, value]) => ({
              name,
              value,
            })),
          })),
        })
      })
    } catch (error) {
      throw kafkaError(error, this.#connection.brokers)
    }
  }

  /** Asked once a topic and process: a key's partition must not change while records of it are under way. */
  facts(topic: string): Promise<TopicFacts> {
    let facts = this.#facts.get(topic)
    if (facts === undefined) {
      facts = this.#ask((admin) => askFacts(admin, topic)).catch((error: unknown) => {
        this.#facts.delete(topic)
        throw kafkaError(error, topic)
      })
      this.#facts.set(topic, facts)
    }
    return facts
  }

  /** First and end offset of every partition, by partition. */
  async offsets(topic: string): Promise<Map<number, Offsets>> {
    await this.facts(topic)
    try {
      const partitions = await this.#ask((admin) => admin.fetchTopicOffsets(topic))
      return new Map(
        partitions.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
      )
    } catch (error) {
      throw kafkaError(error, topic)
    }
  }

  async lag(group: string, topics: string[]): Promise<GroupLag[]> {
    const ends = await Promise.all(topics.map((topic) => this.offsets(topic)))
    const committed = await this.committed(group, topics)
    return topics.flatMap((topic, index) =>
      [...ends[index]!]
        .map(([partition, { high }]) => ({
          topic,
          partition,
          committed: committed.get(`${topic}/${partition}`) ?? null,
          end: high,
        }))
        .sort((a, b) => a.partition - b.partition),
    )
  }

  /** Committed offsets of a group by `<topic>/<partition>`; those without one are absent. */
  async committed(group: string, topics: string[]): Promise<Map<string, number>> {
    try {
      const answer = await this.#ask((admin) => admin.fetchOffsets({ groupId: group, topics }))
      return new Map(
        answer.flatMap(({ topic, partitions }) =>
          partitions
            .filter(({ offset }) => Number(offset) >= 0)
            .map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
        ),
      )
    } catch (error) {
      throw kafkaError(error, group)
    }
  }

  /** Only a group without members can be deleted. */
  async deleteGroup(group: string): Promise<void> {
    await this.#ask((admin) => admin.deleteGroups([group]))
  }

  async offsetsAt(topic: string, appended: number): Promise<Position[]> {
    await this.facts(topic)
    try {
      const answer = await this.#ask((admin) => admin.fetchTopicOffsetsByTimestamp(topic, appended))
      return answer
        .map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) }))
        .sort((a, b) => a.partition - b.partition)
    } catch (error) {
      throw kafkaError(error, topic)
    }
  }

  async #ask<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = await this.#connection.admin()
    return pRetry(() => this.#turns(() => ask(admin)), {
      ...PASSING_RETRY,
      shouldRetry: ({ error }) => isPassing(error),
      // Asks for nothing, but kafkajs renews its metadata first, which it does not for a leader that moved.
      onFailedAttempt: async ({ error }) => {
        if (isPassing(error))
          await this.#turns(() => admin.createTopics({ topics: [], waitForLeaders: false }))
      },
    })
  }
}

/** An answer that a healthy cluster gives for moments: a coordinator that loads, a leader that moved or was just made. */
function isPassing(error: Error): boolean {
  if (!(error instanceof kafkajs.KafkaJSProtocolError)) return false
  return error.retriable && kafkaError(error, '').code === 'log_unreachable'
}

async function askFacts(admin: Admin, topic: string): Promise<TopicFacts> {
  if (!(await admin.listTopics()).includes(topic)) throw topicMissing(topic)
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['max.message.bytes'] }],
  })
  const limit = resources[0]?.configEntries.find(({ configName }) => configName === 'max.message.bytes')
  return { partitions: topics[0]!.partitions.length, maxBytes: Number(limit?.configValue) }
}

/** From so many replicas on, one broker may be away and what is acknowledged is still on two. */
const REPLICAS_TO_SPARE = 3

/**
 * Append time rules retention: with event time a replay of old recordings would be deleted while it runs. A broker's own
 * default acknowledges what is on one broker alone, whatever the number of replicas.
 */
function topicConfig(spec: TopicSpec, replication: number): Record<string, string> {
  return {
    ...(replication >= REPLICAS_TO_SPARE ? { 'min.insync.replicas': '2' } : {}),
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': spec.compacted ? 'compact' : 'delete',
    'retention.ms': String(spec.retentionMs ?? -1),
    'max.message.bytes': String(spec.maxBytes),
  }
}
