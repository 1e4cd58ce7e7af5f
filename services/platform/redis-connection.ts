import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type ErrorCode, VelocastError } from './errors.ts'

/** Longest wait for a connection before a command is given up; the caller's own retry goes on from there. */
const READY_MS = 3_000
/** Longest wait for an answer: far above any script of ours, far below a consumer's session. */
const ANSWER_MS = 15_000
const LONGEST_RECONNECT_MS = 2_000

/** Answers that may mend themselves, or by an operator, without a change of ours. */
const PASSING = new Set(
  'LOADING OOM READONLY MASTERDOWN CLUSTERDOWN TRYAGAIN BUSY MISCONF NOREPLICAS NOAUTH WRONGPASS NOPERM'.split(
    ' ',
  ),
)

export interface RedisConnection {
  /** Runs one command. A lost connection fails it at once, nothing is queued or sent twice. */
  command<Answer>(run: (redis: Redis) => Promise<Answer>): Promise<Answer>
  /** Runs a Lua script by its hash, sending its text only where Redis does not know it. */
  script(text: string, keys: string[], values: (string | Buffer)[]): Promise<unknown>
  close(): void
}

/**
 * One connection to Redis, made at the first command and kept up by itself. Failures are `code` (retryable) and name
 * host and port, never the password; an answer that says our command was wrong is `internal`.
 */
export function openRedisConnection({
  url,
  code,
  subject,
  logger,
}: {
  /** `redis://` or `rediss://`. */
  url: string
  code: Extract<ErrorCode, 'window_store_unreachable' | 'look_up_store_unreachable'>
  /** Who speaks, for errors and logs: `window store`. */
  subject: string
  logger: Logger
}): RedisConnection {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: `velocast-${subject.replaceAll(' ', '-')}`,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: READY_MS,
    commandTimeout: ANSWER_MS,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, LONGEST_RECONNECT_MS),
  })
  const address = `${redis.options.host}:${redis.options.port}`
  const hashes = new Map<string, string>()
  let trouble: unknown
  let closed = false
  redis.on('error', (error) => {
    if (trouble === undefined) logger.warn({ err: error, address }, `${subject}: no connection to redis`)
    trouble = error
  })
  redis.on('ready', () => {
    if (trouble !== undefined) logger.info({ address }, `${subject}: connected to redis`)
    trouble = undefined
  })

  const unreachable = (cause: unknown): VelocastError =>
    new VelocastError({
      code,
      retryable: true,
      message: `${subject} cannot use redis (${text(cause)}): check redis.url, got ${address}`,
      cause,
    })

  const ready = async (): Promise<void> => {
    if (redis.status === 'ready') return
    if (closed) throw unreachable(new Error('closed'))
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        redis.off('ready', onReady)
      }
      const onReady = (): void => {
        settle()
        resolve()
      }
      const timer = setTimeout(() => {
        settle()
        reject(unreachable(trouble ?? new Error(`no connection within ${READY_MS} ms`)))
      }, READY_MS)
      redis.on('ready', onReady)
      // What a failed attempt says comes by the error event; later attempts are the client's own.
      if (redis.status === 'wait') redis.connect().catch(() => {})
    })
  }

  const command = async <Answer>(run: (redis: Redis) => Promise<Answer>): Promise<Answer> => {
    await ready()
    try {
      return await run(redis)
    } catch (error) {
      throw translate(error)
    }
  }

  const translate = (error: unknown): VelocastError => {
    if (error instanceof VelocastError) return error
    const word = text(error).split(' ')[0]!
    if (error instanceof Error && error.name === 'ReplyError' && !PASSING.has(word)) {
      return new VelocastError({
        code: 'internal',
        message: `${subject} got a refusal from redis, ${text(error)}`,
        cause: error,
      })
    }
    return unreachable(error)
  }

  return {
    command,
    async script(script, keys, values) {
      const hash = hashes.get(script) ?? createHash('sha1').update(script).digest('hex')
      hashes.set(script, hash)
      return command(async (connection) => {
        try {
          return await connection.evalsha(hash, keys.length, ...keys, ...values)
        } catch (error) {
          if (!text(error).startsWith('NOSCRIPT')) throw error
          return connection.eval(script, keys.length, ...keys, ...values)
        }
      })
    },
    close() {
      closed = true
      redis.disconnect()
    },
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
