import kafkajs, { type Admin, type Kafka, type Producer } from 'kafkajs'
import pRetry from 'p-retry'
import type { Logger } from 'pino'
import { isRetryable } from '../../errors.ts'
import { kafkaError } from './kafka-error.ts'
import { mendRecordBatches } from './mend-record-batches.ts'
import { mendRequestTimeouts } from './mend-timeouts.ts'
import { mendTornAnswers } from './mend-torn-answers.ts'

export interface KafkaConnectionOptions {
  /** host:port of brokers to begin with. */
  brokers: string[]
  ssl?: boolean
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string }
  clientId: string
  logger: Logger
  /** How long brokers that are down at the start are waited for, ms. Default 60,000. */
  connectLimitMs?: number
}

const DEFAULT_CONNECT_LIMIT_MS = 60_000
const CONNECTION_TIMEOUT_MS = 5_000
/** kafkajs's own tries within one call: enough for a change of leader, then the caller decides. */
export const KAFKA_RETRY = { initialRetryTime: 100, retries: 5, maxRetryTime: 2_000 }

/** One client of a cluster; its admin and producer connect at their first use and are then shared. */
export interface KafkaConnection {
  readonly kafka: Kafka
  readonly brokers: string
  admin(): Promise<Admin>
  producer(): Promise<Producer>
  /** Connects, waiting for brokers that are down: `log_unreachable` after the limit, `log_credentials` at once. */
  connect(part: { connect(): Promise<void> }): Promise<void>
  close(): Promise<void>
}

export function openConnection(options: KafkaConnectionOptions): KafkaConnection {
  mendRequestTimeouts()
  mendRecordBatches()
  mendTornAnswers()
  const { logger, connectLimitMs = DEFAULT_CONNECT_LIMIT_MS } = options
  const brokers = options.brokers.join(', ')
  const { sasl } = options
  const account = sasl === undefined ? brokers : `user ${sasl.username} by ${sasl.mechanism} at ${brokers}`
  const kafka = new kafkajs.Kafka({
    clientId: options.clientId,
    brokers: options.brokers,
    ssl: options.ssl ?? false,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    retry: KAFKA_RETRY,
    logCreator: () => logTo(logger),
    ...(sasl === undefined ? {} : { sasl: sasl as kafkajs.SASLOptions }),
  })
  const closed = new AbortController()
  const connected: { disconnect(): Promise<void> }[] = []

  const connect: KafkaConnection['connect'] = (part) =>
    pRetry(
      async () => {
        try {
          await part.connect()
        } catch (error) {
          const mapped = kafkaError(error, brokers)
          throw mapped.code === 'log_credentials' ? kafkaError(error, account) : mapped
        }
      },
      {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 500,
        maxTimeout: 5_000,
        maxRetryTime: connectLimitMs,
        signal: closed.signal,
        shouldRetry: ({ error }) => isRetryable(error),
        onFailedAttempt: ({ error, retryDelay }) => {
          if (isRetryable(error)) {
            logger.warn({ brokers, retry_ms: Math.round(retryDelay) }, `waiting for kafka: ${error.message}`)
          }
        },
      },
    )
  const shared = <T extends { connect(): Promise<void>; disconnect(): Promise<void> }>(make: () => T) => {
    let promise: Promise<T> | null = null
    return (): Promise<T> => {
      promise ??= (async () => {
        const part = make()
        try {
          await connect(part)
        } catch (error) {
          promise = null
          throw error
        }
        connected.push(part)
        return part
      })()
      return promise
    }
  }

  return {
    kafka,
    brokers,
    connect,
    admin: shared(() => kafka.admin()),
    producer: shared(() =>
      kafka.producer({
        allowAutoTopicCreation: false,
        createPartitioner:
          () =>
          ({ message }) =>
            message.partition!,
      }),
    ),
    async close() {
      closed.abort()
      await Promise.allSettled(connected.map((part) => part.disconnect()))
    },
  }
}

/** kafkajs reports every try of its own, with stacks; what remains of them is ours to report, so its lines are for debugging. */
function logTo(logger: Logger): (entry: kafkajs.LogEntry) => void {
  const child = logger.child({ component: 'kafkajs' })
  return ({ level, namespace, log }) => {
    const { message, logger: _name, timestamp: _time, ...facts } = log
    const { ERROR, WARN } = kafkajs.logLevel
    const write = level === ERROR || level === WARN ? child.debug : child.trace
    write.call(child, { namespace, ...facts }, message)
  }
}
