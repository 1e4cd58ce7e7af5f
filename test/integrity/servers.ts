import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Storage } from '@google-cloud/storage'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { type GcsServer, startGcs } from '../stack/gcs.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'
import type { Recordings } from './recordings.ts'

const BUCKET = 'velocast-integrity'

/** Real servers of a test's own, so that it may pause and kill them. */
export interface Servers {
  kafka: KafkaServer
  registry: RegistryServer
  redis: RedisServer
  gcs: GcsServer
  /** Input of the configuration schema; `data` is for what is local all the same. */
  config(recordings: Pick<Recordings, 'systems'>, data: string): object
  /** Copies every object of the store to a directory. */
  download(directory: string): Promise<void>
  stop(): Promise<void>
}

export async function startServers(): Promise<Servers> {
  const [kafka, registry, redis, gcs] = await Promise.all([
    startKafka(),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  const storage = new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' })
  await storage.createBucket(BUCKET)
  return {
    kafka,
    registry,
    redis,
    gcs,
    config: ({ systems }, data) => ({
      data,
      logging: { level: 'warn', format: 'json' },
      log: { kind: 'kafka', brokers: kafka.brokers, session_timeout_ms: 6_000 },
      registry: { url: registry.url },
      redis: { url: redis.url },
      storage: { root: `gs://${BUCKET}`, gcs_endpoint: gcs.endpoint },
      systems: systems.map(({ id, timezone }) => ({ id, timezone, discovery_url: `replay:${id}` })),
    }),
    async download(directory) {
      const objects = openGcsStore({ bucket: BUCKET, apiEndpoint: gcs.endpoint })
      for (const { path } of await objects.list('')) {
        const destination = join(directory, path)
        mkdirSync(dirname(destination), { recursive: true })
        await objects.download(path, destination)
      }
    },
    async stop() {
      await Promise.all([kafka, registry, redis, gcs].map((server) => server.stop()))
    },
  }
}
