import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { type KafkaConnectionOptions, openConnection } from './kafka/connection.ts'
import { KafkaPublisher } from './kafka/publisher.ts'
import { KafkaSubscription } from './kafka/subscription.ts'
import { KafkaTopics } from './kafka/topics.ts'
import type { EventLog } from './port.ts'

export interface KafkaLogOptions extends KafkaConnectionOptions {
  /** How long a member may be silent before its partitions go to others, ms; the broker's minimum is 6,000. */
  sessionTimeoutMs: number
  /** Replicas of each topic. */
  replication: number
  clock: Clock
  logger: Logger
}

/**
 * The event log on Apache Kafka, through kafkajs. Connects at the first use and waits for brokers that are down.
 * A member's epoch is the group's generation. Memory: one fetch a subscription (16 MiB, or one larger batch).
 */
export function openKafkaLog(options: KafkaLogOptions): EventLog {
  const connection = openConnection(options)
  const topics = new KafkaTopics(connection, options.replication)
  const publisher = new KafkaPublisher(connection, topics)
  const subscriptions = new Set<KafkaSubscription>()
  let closing: Promise<void> | null = null

  return {
    ensureTopics: (specs) => topics.ensure(specs),
    publish: (topic, records) => publisher.publish(topic, records),
    async subscribe(subscribe) {
      for (const topic of subscribe.topics) await topics.facts(topic)
      const group = subscribe.transient === true ? `${subscribe.group}-${randomUUID()}` : subscribe.group
      const member = { ...subscribe, group }
      const subscription = new KafkaSubscription({ ...options, connection, topics, subscribe: member })
      subscriptions.add(subscription)
      await subscription.start()
      return subscription
    },
    lag: (group, names) => topics.lag(group, names),
    offsetsAt: (topic, appended) => topics.offsetsAt(topic, appended),
    close() {
      closing ??= (async () => {
        await Promise.all([...subscriptions].map((subscription) => subscription.close()))
        await connection.close()
      })()
      return closing
    },
  }
}
