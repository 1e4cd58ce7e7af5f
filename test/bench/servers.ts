import { Storage } from '@google-cloud/storage'
import { startGcs } from '../stack/gcs.ts'
import { startKafka } from '../stack/kafka.ts'
import { startRedis } from '../stack/redis.ts'
import { startRegistry } from '../stack/registry.ts'

export interface Servers {
  /** Settings of a Velocast that runs on them. */
  environment: Record<string, string>
  stop(): Promise<void>
}

const BUCKET = 'velocast-bench'
/** The broker as it would run: the optimising compiler, a collector of its own thread, room for the page cache. */
const JAVA = ['-Xmx1g', '-XX:+UseG1GC']

/** Kafka, registry, Redis and the GCS emulator. Several of them share the machine with what is measured. */
export async function startServers(): Promise<Servers> {
  const servers = await Promise.all([
    startKafka({ javaOptions: JAVA }),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  const [kafka, registry, redis, gcs] = servers
  await new Storage({ apiEndpoint: gcs.endpoint, projectId: 'bench' }).createBucket(BUCKET)
  return {
    environment: {
      VELOCAST_LOG_KIND: 'kafka',
      VELOCAST_LOG_BROKERS: kafka.brokers.join(','),
      VELOCAST_REGISTRY_URL: registry.url,
      VELOCAST_REDIS_URL: redis.url,
      VELOCAST_STORAGE_ROOT: `gs://${BUCKET}`,
      VELOCAST_STORAGE_GCS_ENDPOINT: gcs.endpoint,
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}
