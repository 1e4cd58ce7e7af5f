import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { Storage } from '@google-cloud/storage'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { GBFS_VERSIONS } from '../../services/ingest/simulator/gbfs-feed.ts'
import { type Simulator, startSimulator } from '../../services/ingest/simulator/server.ts'
import { partitionOf } from '../../services/platform/event-log/partitioner.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import { startVelocast, type VelocastRun } from '../proof/velocast.ts'
import { run } from '../stack/command.ts'
import { ensureCommand } from '../stack/debian.ts'
import { type GcsServer, startGcs } from '../stack/gcs.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { kafkaClient } from '../stack/kafka-client.ts'
import { freePort } from '../stack/ports.ts'
import { consumeWithPython } from '../stack/python.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'

const BUCKET = 'velocast-apart'
const STATIONS = 30
const STEPS = 4
const STEP_MS = 300_000
const PARTITIONS = 3
/** One city a GBFS version, each in a partition of its own. */
const CITIES = GBFS_VERSIONS.map((version, partition) => ({ version, id: nameIn(partition) }))
const SERVICES = ['api', 'monitor', 'sink', 'forecast', 'windows', 'windows', 'ingest'] as const

interface Member {
  name: (typeof SERVICES)[number]
  url: string
  process: VelocastRun
}

let directory: string
let kafka: KafkaServer
let registry: RegistryServer
let redis: RedisServer
let gcs: GcsServer
let environment: Record<string, string>
let cities: Simulator[]
let examined: Awaited<VelocastRun['ended']>
const members: Member[] = []
const api = (): string => members.find(({ name }) => name === 'api')!.url
const bucket = () => new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' }).bucket(BUCKET)

function nameIn(partition: number): string {
  const names = Array.from({ length: 100 }, (_, place) => `town-${place}`)
  return names.find((name) => partitionOf(name, PARTITIONS) === partition)!
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as T
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + 60_000; Date.now() < limit; await sleep(200)) {
    if (await holds().catch(() => false)) return
    for (const { name, process } of members) {
      if (process.child.exitCode !== null) throw new Error(`${name} ended: ${(await process.ended).stderr}`)
    }
  }
  throw new Error(`not within a minute: ${what}`)
}

/** All cities are shown by the API as of their own present minute. */
async function shown(): Promise<boolean> {
  const { systems } = await json<{ systems: { system: string; state: { ts_utc: number } | null }[] }>(
    `${api()}/v1/systems`,
  )
  const minutes = cities.map((city) => Math.floor(city.now() / 60_000) * 60_000)
  return CITIES.every(
    ({ id }, place) => systems.find(({ system }) => system === id)?.state?.ts_utc === minutes[place],
  )
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-apart-'))
  ;[kafka, registry, redis, gcs] = await Promise.all([
    startKafka(),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  await new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' }).createBucket(BUCKET)
  const start = Math.floor(Date.now() / STEP_MS) * STEP_MS - STEPS * STEP_MS
  cities = await Promise.all(
    CITIES.map(({ version }, seed) => startSimulator({ version, seed, stations: STATIONS, start, speed: 0 })),
  )
  const config = join(directory, 'velocast.yaml')
  writeFileSync(
    config,
    stringify({
      systems: CITIES.map(({ id }, place) => ({
        id,
        name: `City of GBFS ${CITIES[place]!.version}`,
        discovery_url: cities[place]!.discoveryUrl,
        timezone: cities[place]!.timezone,
        weather: cities[place]!.centre,
        poll_seconds: 5,
      })),
      ingest: { weather_url: cities[0]!.weatherUrl },
      log: { kind: 'kafka', partitions: PARTITIONS, session_timeout_ms: 6000 },
    }),
  )
  environment = {
    VELOCAST_CONFIG: config,
    VELOCAST_DATA: join(directory, 'data'),
    VELOCAST_LOG_BROKERS: kafka.brokers.join(','),
    VELOCAST_REGISTRY_URL: registry.url,
    VELOCAST_REDIS_URL: redis.url,
    VELOCAST_STORAGE_ROOT: `gs://${BUCKET}/production`,
    VELOCAST_STORAGE_GCS_ENDPOINT: gcs.endpoint,
  }
  const { code, stderr } = await startVelocast(['topics', '--json'], environment).ended
  expect([code, stderr]).toEqual([0, ''])
  examined = await startVelocast(['doctor', '--json'], environment).ended
  for (const name of SERVICES) {
    const port = await freePort()
    const process = startVelocast(['run', name, '--port', String(port)], environment)
    members.push({ name, url: `http://127.0.0.1:${port}`, process })
  }
  for (let step = 0; step <= STEPS; step += 1) {
    if (step > 0) for (const city of cities) city.advance(STEP_MS)
    await until(`step ${step} is shown`, shown)
  }
}, 240_000)

afterAll(async () => {
  for (const { process } of members) process.child.kill('SIGKILL')
  await Promise.all([...(cities ?? []), ...[kafka, registry, redis, gcs].filter(Boolean)].map(close))
  rmSync(directory, { recursive: true, force: true })
})

function close(part: { close(): Promise<void> } | { stop(): Promise<void> }): Promise<void> {
  return 'close' in part ? part.close() : part.stop()
}

describe('six services in processes of their own, on Kafka, a registry, Redis and a bucket', () => {
  test('doctor finds brokers, registry, Redis, bucket, every feed and its weather in order', async () => {
    const { code, stdout, stderr } = examined
    const findings = JSON.parse(stdout) as { name: string; ok: boolean }[]
    expect(findings.filter(({ ok }) => !ok)).toEqual([])
    const names = findings.map(({ name }) => name).join('\n')
    for (const part of ['kafka', 'registry', 'redis', 'object store', 'feed town', 'weather town'])
      expect(names).toContain(part)
    expect([code, stderr]).toEqual([0, ''])
  })

  test('topics have the partitions, retention and cleanup that are documented', async () => {
    const admin = kafkaClient(kafka.brokers).admin()
    await admin.connect()
    try {
      const specs = topicSpecs({ partitions: PARTITIONS })
      const { topics } = await admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) })
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: specs.map(({ name }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      })
      const found = specs.map(({ name }) => {
        const entries = resources.find(({ resourceName }) => resourceName === name)!.configEntries
        const value = (key: string) => entries.find(({ configName }) => configName === key)?.configValue
        return {
          name,
          partitions: topics.find((topic) => topic.name === name)!.partitions.length,
          cleanup: value('cleanup.policy'),
          retention: value('cleanup.policy') === 'compact' ? null : Number(value('retention.ms')),
          time: value('message.timestamp.type'),
        }
      })
      expect(found).toEqual(
        specs.map(({ name, partitions, compacted, retentionMs }) => ({
          name,
          partitions,
          cleanup: compacted ? 'compact' : 'delete',
          retention: compacted ? null : retentionMs,
          time: 'LogAppendTime',
        })),
      )
    } finally {
      await admin.disconnect()
    }
  })

  test('every version of GBFS ends in forecasts of every station, marked as simulated', async () => {
    for (const { id } of CITIES) {
      const { system, forecasts } = await json<{
        system: { source: string; outcome: string; stations: number }
        forecasts: {
          station_id: string
          bikes: number
          capacity: number
          horizons: { bikes_median: number }[]
        }[]
      }>(`${api()}/v1/systems/${id}/forecasts`)
      expect(system).toMatchObject({ source: 'simulate', outcome: 'ok', stations: STATIONS, withheld: false })
      expect(forecasts).toHaveLength(STATIONS)
      for (const { horizons, capacity } of forecasts) {
        expect(horizons.map(({ bikes_median }) => bikes_median >= 0 && bikes_median <= capacity)).toEqual([
          true,
          true,
        ])
      }
      const { stations } = await json<{ stations: { name: string; mechanical: number; ebike: number }[] }>(
        `${api()}/v1/systems/${id}/stations`,
      )
      expect(stations.every(({ name }) => name.length > 0)).toBe(true)
      expect(stations.some(({ mechanical, ebike }) => mechanical > 0 && ebike > 0)).toBe(true)
    }
  })

  test('events begin with the whole city', async () => {
    const abort = new AbortController()
    const answer = await fetch(`${api()}/v1/systems/${CITIES[0]!.id}/events`, { signal: abort.signal })
    let text = ''
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (/event: update\n.*?\n\n/s.test(text)) break
    }
    abort.abort()
    const update = JSON.parse(/event: update\n(?:id: .*\n)?data: (.*)\n/.exec(text)![1]!)
    expect(update).toMatchObject({ full: true, name: 'City of GBFS 1.1' })
    expect(update.rows).toHaveLength(STATIONS)
  })

  test('redis-cli reads a look-up with HGETALL, and it has a time to live', async () => {
    const cli = await ensureCommand({ command: 'redis-cli', debianPackage: 'redis-tools' })
    const redisCli = (...args: string[]) => run({ command: cli, args: ['-u', redis.url, '--raw', ...args] })
    const { id } = CITIES[1]!
    const [station] = (await redisCli('SMEMBERS', `velocast:{${id}}:forecast-stations`)).split('\n')
    const key = `velocast:{${id}}:forecast:${station}`
    const lines = (await redisCli('HGETALL', key)).trimEnd().split('\n')
    const fields = Object.fromEntries(
      Array.from({ length: lines.length / 2 }, (_, place) => [lines[2 * place]!, lines[2 * place + 1]!]),
    )
    expect(fields).toMatchObject({
      system: id,
      station_id: station,
      simulated: 'true',
      h15_bikes_median: expect.stringMatching(/^\d+$/),
      h60_model_version: expect.stringMatching(/^persistence@/),
      ts_utc: new Date(Math.floor(cities[1]!.now() / 60_000) * 60_000).toISOString(),
    })
    expect(Number(await redisCli('TTL', key))).toBeGreaterThan(6_000)
  })

  test('a Python consumer and kcat read the forecasts with the schema that the registry has', async () => {
    const records = await consumeWithPython({
      brokers: kafka.brokers,
      registryUrl: registry.url,
      topic: TOPICS.forecasts,
      count: CITIES.length * STATIONS,
    })
    for (const { key, value } of records) {
      const { system, station_id, horizons } = value as {
        system: string
        station_id: string
        horizons: { horizon_min: number; bikes_median: number }[]
      }
      expect(key).toBe(`${system}/${station_id}`)
      expect(horizons.map(({ horizon_min }) => horizon_min)).toEqual([15, 60])
    }
    const kcat = await ensureCommand({ command: 'kcat', debianPackage: 'kcat' })
    const output = await run({
      command: kcat,
      args: [
        ...['-b', kafka.brokers.join(','), '-t', TOPICS.forecasts, '-C', '-e', '-q', '-o', 'beginning'],
        ...['-s', 'value=>bIs', '-f', '%k %p %s|end\n'],
      ],
    })
    const read = output.split('|end\n').slice(0, -1)
    expect(read.length).toBeGreaterThanOrEqual(CITIES.length * STATIONS * (STEPS + 1))
    const [key, partition, , id] = /^(\S+) (\d+) (0)(\d+)/.exec(read[0]!)!.slice(1)
    expect(partitionOf(key!.split('/')[0]!, PARTITIONS)).toBe(Number(partition))
    const { schema } = await json<{ schema: string }>(`${registry.url}/schemas/ids/${id}`)
    expect(JSON.parse(schema).name).toBe('Forecast')
  })

  test('the bucket has serving files, and bronze Parquet that DuckDB and hyparquet read alike', async () => {
    const { id } = CITIES[2]!
    const [serving] = await bucket().file(`production/${id}/serving/forecast/h15/latest.json`).download()
    expect(JSON.parse(String(serving)).data).toHaveLength(STATIONS)
    const prefix = `production/${id}/bronze/`
    const parts = async () => (await bucket().getFiles({ prefix }))[0]
    await until('bronze parts', async () => (await parts()).length >= STEPS)
    const [part] = await parts()
    const destination = join(directory, 'part.parquet')
    const [bytes] = await part!.download()
    writeFileSync(destination, bytes)
    const database = await DuckDBInstance.create(':memory:')
    const connection = await database.connect()
    const reader = await connection.runAndReadAll(
      `SELECT station_id, bikes FROM read_parquet('${destination}') ORDER BY station_id`,
    )
    const own = reader.getRows()
    connection.closeSync()
    database.closeSync()
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    const rows = await parquetReadObjects({ file, compressors, columns: ['station_id', 'bikes'] })
    expect(own).toHaveLength(STATIONS)
    expect(rows.map(({ station_id, bikes }) => [station_id, bikes])).toEqual(own)
  })

  test('two members of windows share the partitions: each city has one owner, and none is idle', async () => {
    const owned = await Promise.all(
      members
        .filter(({ name }) => name === 'windows')
        .map(async ({ url }) => {
          const text = await (await fetch(`${url}/metrics`)).text()
          return CITIES.map(({ id }) => id).filter((id) =>
            text.includes(`velocast_windows_newest_bin_seconds{system="${id}"} `),
          )
        }),
    )
    expect(owned.every((systems) => systems.length > 0)).toBe(true)
    expect(owned.flat().sort()).toEqual(CITIES.map(({ id }) => id).sort())
  })

  test('each is ready, has metrics, and ends with 0 on SIGTERM without a word on stderr', async () => {
    for (const { name, url } of members) {
      const ready = await json<{ status: string }>(`${url}/readyz`)
      expect([name, ready.status]).toEqual([name, 'ok'])
      expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^velocast_build_info\{/m)
    }
    for (const { process } of members) process.child.kill('SIGTERM')
    const ends = await Promise.all(members.map(({ process }) => process.ended))
    expect(ends.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual(
      members.map(() => [0, '', '']),
    )
  }, 60_000)
})
