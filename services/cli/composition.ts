import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { systemClock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { isRetryable } from '../platform/errors.ts'
import { createCodec } from '../platform/event-log/avro-codec.ts'
import { openInProcessLog } from '../platform/event-log/in-process.ts'
import { openKafkaLog } from '../platform/event-log/kafka.ts'
import type { EventLog } from '../platform/event-log/port.ts'
import { openMemoryLookUpStore } from '../platform/look-up-store/memory.ts'
import { openRedisLookUpStore } from '../platform/look-up-store/redis.ts'
import { createMetrics } from '../platform/metrics.ts'
import { openObjectStore } from '../platform/object-store/open.ts'
import { openConfluentRegistry } from '../platform/schema-registry/confluent.ts'
import { openLocalRegistry } from '../platform/schema-registry/local.ts'
import type { SchemaRegistryPort } from '../platform/schema-registry/port.ts'
import type { Platform } from '../platform/service.ts'
import { topicSpecs } from '../platform/topics.ts'
import { openMemoryWindowStore } from '../platform/window-store/memory.ts'
import { openRedisWindowStore } from '../platform/window-store/redis.ts'

const HOUR_MS = 3_600_000

export interface OpenPlatform {
  platform: Platform
  /** Frees every connection and file; call it after the services are closed. */
  close(): Promise<void>
}

/** Chooses each port's adapter by the configuration: the one place that knows them all. */
export async function openPlatform({
  config,
  logger,
}: {
  config: Config
  logger: Logger
}): Promise<OpenPlatform> {
  const metrics = createMetrics({ version: packageJson.version })
  const log = openLog(config, logger)
  const codec = createCodec({ registry: openRegistry(config) })
  const objects = await openObjectStore({
    ...primaryStore(config),
    mirror: config.storage.mirror,
    logger,
  })
  const { url, window_ttl_hours } = config.redis
  const windows =
    url === undefined
      ? openMemoryWindowStore()
      : openRedisWindowStore({ url, ttlMs: window_ttl_hours * HOUR_MS, logger })
  const lookUps = url === undefined ? openMemoryLookUpStore() : openRedisLookUpStore({ url, logger })
  return {
    platform: { config, clock: systemClock, logger, metrics, log, codec, objects, windows, lookUps },
    close: async () => {
      await log.close()
      await windows.close()
      await lookUps.close()
    },
  }
}

/** Schemas first, topics second: an incompatible schema stops the start before anything is created or read. */
export async function prepareTopics({
  config,
  codec,
  log,
}: Pick<Platform, 'config' | 'codec' | 'log'>): Promise<void> {
  await codec.register()
  await log.ensureTopics(topicSpecs({ partitions: config.log.partitions }))
}

/**
 * Asks the object store once: a bucket that is missing or credentials that are refused end a command before it began
 * anything. A store that cannot be reached for the moment does too, unless the command is `patient`: services retry.
 */
export async function requireStore(
  { config, logger }: Pick<Platform, 'config' | 'logger'>,
  { patient = false } = {},
): Promise<void> {
  try {
    const objects = await openObjectStore({ ...primaryStore(config), maxRetries: 1 })
    await objects.get('doctor/absent.txt')
  } catch (error) {
    if (!patient || !isRetryable(error)) throw error
    logger.warn({ err: error }, 'object store cannot be reached, what needs it waits')
  }
}

function primaryStore({ data, storage }: Config): { root: string; gcsEndpoint: string | undefined } {
  return { root: storage.root ?? join(data, 'store'), gcsEndpoint: storage.gcs_endpoint }
}

function openLog(config: Config, logger: Logger): EventLog {
  const { kind, brokers, ssl, username, password, mechanism } = config.log
  if (kind === 'embedded')
    return openInProcessLog({ file: join(config.data, 'log.sqlite'), clock: systemClock, logger })
  return openKafkaLog({
    brokers,
    ssl,
    ...(username === undefined ? {} : { sasl: { mechanism, username, password: password ?? '' } }),
    clientId: `velocast-${hostname()}-${process.pid}`,
    sessionTimeoutMs: config.log.session_timeout_ms,
    connectLimitMs: config.log.connect_limit_ms,
    replication: config.log.replication,
    clock: systemClock,
    logger,
  })
}

function openRegistry(config: Config): SchemaRegistryPort {
  const { url, username, password } = config.registry
  if (url === undefined) return openLocalRegistry({ directory: join(config.data, 'schemas') })
  return openConfluentRegistry({
    url,
    ...(username === undefined ? {} : { username, password: password ?? '' }),
  })
}
