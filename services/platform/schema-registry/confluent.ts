import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import pRetry from 'p-retry'
import { isRetryable, VelocastError } from '../errors.ts'
import type { AvroSchema, SchemaRegistryPort } from './port.ts'
import { schemaIncompatible } from './schema-incompatible.ts'

export interface ConfluentRegistryOptions {
  /** Base of the Confluent-compatible API. */
  url: string
  username?: string
  password?: string
  /** Tries after the first, doubling from 200 ms. Default 4: a registry that restarts is given 3 s, then the caller decides. */
  retries?: number
  /** Longest wait for an answer, ms. Default 10,000: answers are a few kilobytes, what takes longer hangs. */
  timeoutMs?: number
}

const FIRST_RETRY_MS = 200
const TIMEOUT_MS = 10_000

/** Confluent's Schema Registry, or one that speaks its API, through @kafkajs/confluent-schema-registry. */
export function openConfluentRegistry(options: ConfluentRegistryOptions): SchemaRegistryPort {
  const { url, username, password = '', retries = 4, timeoutMs = TIMEOUT_MS } = options
  const client = new SchemaRegistry({
    host: url.replace(/\/+$/, ''),
    clientId: 'velocast',
    retry: { retries: 0 },
    middlewares: [within(timeoutMs)],
    ...(username === undefined ? {} : { auth: { username, password } }),
  })
  const asked = <T>(ask: (attempt: number) => Promise<T>): Promise<T> =>
    pRetry(ask, {
      retries,
      minTimeout: FIRST_RETRY_MS,
      shouldRetry: ({ error }) => isRetryable(error),
    })
  return {
    register: (subject, schema) =>
      asked(async (attempt) => {
        try {
          const { id } = await client.register(
            { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
            { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE },
          )
          return id
        } catch (error) {
          throw registerError({ url, subject, error, attempt })
        }
      }),
    schema: (id) =>
      asked(async () => {
        try {
          return fullSchema(await client.getSchema(id))
        } catch (error) {
          if (statusOf(error) === 404) return null
          throw unreachable(url, error)
        }
      }),
  }
}

const LEVEL_TRIES = 4
const ALREADY_THERE = /already exists/i

type Middleware = NonNullable<ConstructorParameters<typeof SchemaRegistry>[0]['middlewares']>[number]

/** The client's own limit ends with the answer's first byte: of one that is cut in the middle it would wait for the rest for ever. */
function within(timeoutMs: number): Middleware {
  return () => ({
    request: async (request) => (await request).enhance({ timeout: timeoutMs }),
    async response(next) {
      const timer = new AbortController()
      const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
        throw new Error(`answer is not whole after ${timeoutMs} ms`)
      })
      try {
        return await Promise.race([next(), late])
      } finally {
        timer.abort()
      }
    },
  })
}

/** With defaults and docs, which avsc leaves out unless asked. */
function fullSchema(type: unknown): AvroSchema {
  const { schema } = type as { schema(this: unknown, options: { exportAttrs: boolean }): unknown }
  return JSON.parse(JSON.stringify(schema.call(type, { exportAttrs: true }))) as AvroSchema
}

function registerError({
  url,
  subject,
  error,
  attempt,
}: {
  url: string
  subject: string
  error: unknown
  attempt: number
}): VelocastError {
  const status = statusOf(error)
  // Another process registered the same subject at this moment: asked again, the registry knows it.
  if (status === 409 && ALREADY_THERE.test(textOf(error))) return unreachable(url, error)
  if (status === 409 || status === 422) return schemaIncompatible(subject, textOf(error), error)
  if (error instanceof Error && error.name === 'ConfluentSchemaRegistryCompatibilityError') {
    return new VelocastError({
      code: 'schema_incompatible',
      // Another process may have made the subject and be about to set its level.
      retryable: attempt < LEVEL_TRIES,
      message: `registry must hold ${subject} to FULL_TRANSITIVE compatibility, set its level and start again: ${error.message}`,
      cause: error,
      data: { subject },
    })
  }
  return unreachable(url, error)
}

function unreachable(url: string, error: unknown): VelocastError {
  const status = statusOf(error)
  if (status === 401 || status === 403) {
    return new VelocastError({
      code: 'registry_unreachable',
      message: `schema registry refuses these credentials, check registry.username and registry.password: ${url}`,
      cause: error,
    })
  }
  return new VelocastError({
    code: 'registry_unreachable',
    retryable: true,
    message: `schema registry gives no usable answer (${textOf(error)}), check registry.url and that it runs: ${url}`,
    cause: error,
  })
}

/** The client reports a refused connection as status 400, as it does a bad request: both are taken as unreachable. */
function statusOf(error: unknown): number | null {
  return error instanceof Error && 'status' in error ? Number(error.status) : null
}

/** Without the client's own preamble, whose status of a lost connection is made up. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^velocast - Error, status 400: (?=(connect|getaddrinfo|read|socket) )/, '')
}
