import kafkajs from 'kafkajs'
import { type ErrorCode, VelocastError } from '../../errors.ts'

/** Protocol error type → what it means to us. Anything else is taken as a broker that can't be reached for the moment. */
const CODES: Record<string, ErrorCode> = {
  MESSAGE_TOO_LARGE: 'log_record_oversized',
  RECORD_LIST_TOO_LARGE: 'log_record_oversized',
  UNKNOWN_TOPIC_OR_PARTITION: 'log_topic_missing',
  INVALID_TOPIC_EXCEPTION: 'log_topic_missing',
  SASL_AUTHENTICATION_FAILED: 'log_credentials',
  UNSUPPORTED_SASL_MECHANISM: 'log_credentials',
  TOPIC_AUTHORIZATION_FAILED: 'log_credentials',
  GROUP_AUTHORIZATION_FAILED: 'log_credentials',
  CLUSTER_AUTHORIZATION_FAILED: 'log_credentials',
  ILLEGAL_GENERATION: 'log_stale_epoch',
  UNKNOWN_MEMBER_ID: 'log_stale_epoch',
  REBALANCE_IN_PROGRESS: 'log_stale_epoch',
}

/** Names of kafkajs's own errors that mean wrong credentials. */
const CREDENTIAL_ERRORS = ['KafkaJSSASLAuthenticationError', 'KafkaJSUnsupportedSaslMechanismError']

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  log_record_oversized: 'record exceeds max.message.bytes of its topic',
  log_topic_missing: 'topic does not exist, create it with velocast topics',
  log_credentials:
    'kafka refuses these credentials, check log.username, log.password, log.mechanism and the rights of that user',
  log_stale_epoch: 'epoch of the group has ended, drop its state and wait for the new assignment',
}

/** What an error of kafkajs means; errors of ours pass unchanged. `subject` names the topic, group or brokers. */
export function kafkaError(error: unknown, subject: string): VelocastError {
  if (error instanceof VelocastError) return error
  const code =
    chain(error)
      .map(codeOf)
      .find((found) => found !== null) ?? 'log_unreachable'
  const text = textOf(error)
  const asksMore = /closed connection/i.test(text)
    ? ', and whether they ask for TLS (log.ssl) or a user (log.username)'
    : ''
  const remedy =
    REMEDIES[code] ?? `kafka gives no usable answer (${text}), check log.brokers and that they run${asksMore}`
  return new VelocastError({
    code,
    retryable: code === 'log_unreachable',
    message: `${remedy}: ${subject}`,
    cause: error,
  })
}

function codeOf(error: Error): ErrorCode | null {
  if (CREDENTIAL_ERRORS.includes(error.name)) return 'log_credentials'
  return 'type' in error ? (CODES[String(error.type)] ?? null) : null
}

/** The error and its causes; kafkajs keeps them in `cause` and `originalError`. */
function chain(error: unknown): Error[] {
  const found: Error[] = []
  for (let next = error; next instanceof Error && !found.includes(next); ) {
    found.push(next)
    next = 'originalError' in next ? next.originalError : next.cause
  }
  return found
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** True for the crashes after which kafkajs would begin anew by itself. */
export function isWorthRejoining(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'KafkaJSNumberOfRetriesExceeded') return true
    if (!(cause.cause instanceof Error)) return 'retriable' in cause && cause.retriable === true
  }
  return false
}

/** What kafkajs takes for a broker's word that the group is joining anew: it joins. */
export function joinAnew(group: string): Error {
  const error = new Error(`the last join of this member had no answer, it joins again: ${group}`)
  return new kafkajs.KafkaJSProtocolError(
    Object.assign(error, { type: 'REBALANCE_IN_PROGRESS', retriable: true }),
  )
}
