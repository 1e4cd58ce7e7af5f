import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Storage } from '@google-cloud/storage'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { type GcsServer, startGcs } from '../stack/gcs.ts'
import { type KafkaCluster, type KafkaServer, startKafka, startKafkaCluster } from '../stack/kafka.ts'
import { freePort } from '../stack/ports.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'
import { startToxiproxy, type WireProxy } from '../stack/toxiproxy.ts'
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

export const SERVER_NAMES = ['kafka', 'registry', 'redis', 'gcs'] as const
export type ServerName = (typeof SERVER_NAMES)[number]

/**
 * What a cut wire passes of each connection, those that are open at the time too: less than one answer that a service
 * waits for. Of Redis that to a write is twenty bytes.
 */
export const CUT_BYTES: Record<ServerName, number> = { kafka: 300, registry: 300, redis: 12, gcs: 300 }

/** Servers that services reach through proxies; the servers themselves stay open to the test. */
export interface WiredServers extends Servers {
  wire: Record<ServerName, WireProxy>
}

export async function startServers(): Promise<Servers> {
  const [kafka, registry, redis, gcs] = await Promise.all([
    startKafka(),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  await makeBucket(gcs)
  const addresses = {
    kafka: kafka.brokers,
    registry: registry.url,
    redis: redis.url,
    gcs: gcs.endpoint,
  }
  return serversOf({ kafka, registry, redis, gcs }, addresses)
}

export async function startWiredServers(): Promise<WiredServers> {
  const [toxiproxy, registry, redis, gcs, behind] = await Promise.all([
    startToxiproxy(),
    startRegistry(),
    startRedis(),
    startGcs(),
    freePort(),
  ])
  await makeBucket(gcs)
  const proxyTo = (name: ServerName, port: number): Promise<WireProxy> =>
    toxiproxy.proxy({ name, upstream: `127.0.0.1:${port}`, cutBytes: CUT_BYTES[name] })
  const wire = {
    kafka: await proxyTo('kafka', behind),
    registry: await proxyTo('registry', registry.port),
    redis: await proxyTo('redis', redis.port),
    gcs: await proxyTo('gcs', gcs.port),
  }
  const kafka = await startKafka({ behind: { port: behind, advertised: wire.kafka.port } })
  const servers = serversOf(
    { kafka, registry, redis, gcs },
    {
      kafka: [wire.kafka.address],
      registry: registry.url.replace(`127.0.0.1:${registry.port}`, wire.registry.address),
      redis: `redis://${wire.redis.address}`,
      gcs: `http://${wire.gcs.address}`,
    },
  )
  return {
    ...servers,
    wire,
    async stop() {
      await Promise.all([servers.stop(), toxiproxy.stop()])
    },
  }
}

/** The same with three brokers; every topic is on all of them. */
export interface ClusteredServers extends Omit<Servers, 'kafka'> {
  cluster: KafkaCluster
}

export async function startClusteredServers(): Promise<ClusteredServers> {
  const [cluster, registry, redis, gcs] = await Promise.all([
    startKafkaCluster(),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  await makeBucket(gcs)
  const { kafka: _, ...servers } = serversOf(
    { kafka: cluster.nodes[0]!, registry, redis, gcs },
    { kafka: cluster.brokers, registry: registry.url, redis: redis.url, gcs: gcs.endpoint },
    3,
  )
  return {
    ...servers,
    cluster,
    async stop() {
      await Promise.all([servers.stop(), cluster.stop()])
    },
  }
}

async function makeBucket(gcs: GcsServer): Promise<void> {
  await new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' }).createBucket(BUCKET)
}

/** `addresses` are those that services are given. */
function serversOf(
  { kafka, registry, redis, gcs }: Pick<Servers, ServerName>,
  addresses: { kafka: string[]; registry: string; redis: string; gcs: string },
  replication = 1,
): Servers {
  return {
    kafka,
    registry,
    redis,
    gcs,
    config: ({ systems }, data) => ({
      data,
      logging: { level: 'warn', format: 'json' },
      log: { kind: 'kafka', brokers: addresses.kafka, replication, session_timeout_ms: 6_000 },
      registry: { url: addresses.registry },
      redis: { url: addresses.redis },
      storage: { root: `gs://${BUCKET}`, gcs_endpoint: addresses.gcs },
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
