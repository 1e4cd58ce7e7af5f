import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { Storage } from '@google-cloud/storage'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Redis } from 'ioredis'
import type kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { exchange } from './exchange.ts'
import { startGcs } from './gcs.ts'
import { startKafka, startKafkaCluster } from './kafka.ts'
import { kafkaClient } from './kafka-client.ts'
import { consumeWithPython } from './python.ts'
import { startRedis } from './redis.ts'
import { startRegistry } from './registry.ts'
import type { Server } from './server.ts'
import { startToxiproxy, type WireFault, wireFaults } from './toxiproxy.ts'

const started: Server[] = []

async function running<T extends Server>(server: Promise<T>): Promise<T> {
  started.push(await server)
  return server
}

afterAll(async () => {
  await Promise.all(started.map((server) => server.stop()))
  for (const server of started) {
    expect(server.running).toBe(false)
    expect(existsSync(`/proc/${server.pid}`)).toBe(false)
    expect(existsSync(server.directory)).toBe(false)
  }
})

async function createTopic(
  brokers: string[],
  topic: string,
  configEntries: { name: string; value: string }[] = [],
) {
  const admin = kafkaClient(brokers).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true })
  await admin.disconnect()
}

async function produce(brokers: string[], topic: string, messages: kafkajs.Message[]) {
  const producer = kafkaClient(brokers).producer()
  await producer.connect()
  await producer.send({ topic, acks: -1, messages })
  await producer.disconnect()
}

async function consume(brokers: string[], topic: string, count: number): Promise<kafkajs.KafkaMessage[]> {
  const consumer = kafkaClient(brokers).consumer({
    groupId: `${topic}-reader`,
    sessionTimeout: 1_000,
    heartbeatInterval: 300,
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const messages: kafkajs.KafkaMessage[] = []
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload) => {
      messages.push(message)
      if (messages.length === count) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return messages
}

describe('the stack that global setup provides', () => {
  test('has every endpoint and nothing unavailable', () => {
    expect(inject('unavailable')).toEqual([])
    expect(inject('kafkaBrokers')).toHaveLength(1)
    expect(inject('registryUrl')).toMatch(/^http/)
    expect(inject('redisUrl')).toMatch(/^redis:/)
    expect(inject('gcsEndpoint')).toMatch(/^http/)
  })

  test('a record encoded by the JavaScript registry client is read by the Python client', async () => {
    const brokers = inject('kafkaBrokers')!
    const registryUrl = inject('registryUrl')!
    const registry = new SchemaRegistry({ host: registryUrl })
    const { id } = await registry.register({ type: SchemaType.AVRO, schema: JSON.stringify(station) })
    await createTopic(brokers, 'stations', [{ name: 'message.timestamp.type', value: 'LogAppendTime' }])
    const value = await registry.encode(id, { station_id: 'a', bikes: 3 })
    await produce(brokers, 'stations', [{ key: 'city/a', value, headers: { ce_type: 'station' } }])
    const records = await consumeWithPython({ brokers, registryUrl, topic: 'stations', count: 1 })
    expect(records).toMatchObject([
      {
        key: 'city/a',
        headers: { ce_type: 'station' },
        schemaId: id,
        timestampType: 'LogAppendTime',
        value: { station_id: 'a', bikes: 3 },
      },
    ])
  })
})

describe('kafka', () => {
  test('a record survives a kill and a restart on the same port', { timeout: 60_000 }, async () => {
    const kafka = await running(startKafka())
    await createTopic(kafka.brokers, 'records')
    await produce(kafka.brokers, 'records', [{ key: 'k', value: 'v' }])
    const killed = kafka.pid
    await kafka.kill()
    expect(kafka.running).toBe(false)
    await kafka.restart()
    expect(kafka.pid).not.toBe(killed)
    const [message] = await consume(kafka.brokers, 'records', 1)
    expect([String(message?.key), String(message?.value)]).toEqual(['k', 'v'])
  })

  test('starts, answers a client and stops without a word on stderr, Node’s warnings included', {
    timeout: 60_000,
  }, async () => {
    const script = `
      const { startKafka } = await import('./kafka.ts')
      const { kafkaClient } = await import('./kafka-client.ts')
      const kafka = await startKafka()
      const admin = kafkaClient(kafka.brokers).admin()
      await admin.connect()
      await admin.listTopics()
      await admin.disconnect()
      await kafka.stop()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [code, stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
    expect([code, stderr]).toEqual([[0, null], ''])
  })

  test('a topic is not created by use', async () => {
    const producer = kafkaClient(inject('kafkaBrokers')!).producer({
      retry: { retries: 1, initialRetryTime: 50 },
    })
    await producer.connect()
    await expect(producer.send({ topic: 'never-created', messages: [{ value: 'v' }] })).rejects.toThrow()
    await producer.disconnect()
  })
})

const station = {
  type: 'record',
  name: 'Station',
  namespace: 'velocast.test',
  fields: [
    { name: 'station_id', type: 'string', default: '' },
    { name: 'bikes', type: ['null', 'int'], default: null },
  ],
}

describe('registry', () => {
  const subject = 'compatibility-Station'
  const options = { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE }
  let registry: SchemaRegistry
  const register = (schema: object) =>
    registry.register({ type: SchemaType.AVRO, schema: JSON.stringify(schema) }, options)

  beforeAll(() => {
    registry = new SchemaRegistry({ host: inject('registryUrl')!, retry: { retries: 0 } })
  })

  test('a schema is registered once and fetched by its id', async () => {
    const { id } = await register(station)
    expect(await register(station)).toEqual({ id })
    const fresh = new SchemaRegistry({ host: inject('registryUrl')! })
    const decoded = await fresh.decode(await registry.encode(id, { station_id: 'b', bikes: null }))
    expect(decoded).toMatchObject({ station_id: 'b', bikes: null })
    expect(await fresh.getLatestSchemaId(subject)).toBe(id)
  })

  test('the subject holds FULL_TRANSITIVE', async () => {
    const response = await fetch(`${inject('registryUrl')}/config/${subject}`)
    expect(await response.json()).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' })
  })

  test('a compatible schema is accepted and an incompatible one refused', async () => {
    const added = { name: 'docks', type: ['null', 'int'], default: null }
    const first = await registry.getLatestSchemaId(subject)
    const { id } = await register({ ...station, fields: [...station.fields, added] })
    expect(id).not.toBe(first)
    const withoutDefault = { ...station, fields: [...station.fields, { name: 'region', type: 'string' }] }
    await expect(register(withoutDefault)).rejects.toMatchObject({ status: 409 })
    const otherType = { ...station, fields: [{ name: 'station_id', type: 'long', default: 0 }] }
    await expect(register(otherType)).rejects.toMatchObject({ status: 409 })
    const oldDocks = { name: 'docks', type: 'string', default: '' }
    await expect(register({ ...station, fields: [...station.fields, oldDocks] })).rejects.toMatchObject({
      status: 409,
    })
    expect(await registry.getLatestSchemaId(subject)).toBe(id)
  })

  test('a level for all subjects is enforced on those without one', async () => {
    const { url } = await running(startRegistry({ compatibility: 'FULL_TRANSITIVE' }))
    const post = (schema: object) =>
      fetch(`${url}/subjects/any/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: JSON.stringify(schema) }),
      })
    expect((await post(station)).status).toBe(200)
    const otherType = { ...station, fields: [{ name: 'station_id', type: 'long', default: 0 }] }
    expect((await post(otherType)).status).toBe(409)
  })
})

describe('redis', () => {
  test('what is set is got back, and gone after a kill', async () => {
    const redis = await running(startRedis())
    await setAndKill(redis)
    expect(await withClient(redis.url, (client) => client.get('k'))).toBeNull()
  })

  test('a durable one keeps it over a kill and a restart on the same port', async () => {
    const redis = await running(startRedis({ durable: true }))
    await setAndKill(redis)
    expect(await withClient(redis.url, (client) => client.get('k'))).toBe('v')
  })

  async function setAndKill(redis: Server & { url: string }) {
    expect(await withClient(redis.url, (client) => client.set('k', 'v'))).toBe('OK')
    expect(await withClient(redis.url, (client) => client.get('k'))).toBe('v')
    await redis.kill()
    await redis.restart()
  }

  async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(url)
    return use(client).finally(() => client.disconnect())
  }
})

describe('a cluster', () => {
  test('takes records with acks of all while one of its three nodes is killed, and has it back in sync after', {
    timeout: 180_000,
  }, async () => {
    const cluster = await startKafkaCluster()
    started.push(...cluster.nodes)
    const client = kafkaClient(cluster.brokers, { retry: { retries: 20, maxRetryTime: 1_000 } })
    const admin = client.admin()
    await admin.connect()
    const topic = 'replicated'
    await admin.createTopics({
      topics: [{ topic, numPartitions: 3, replicationFactor: 3 }],
      waitForLeaders: true,
    })
    const inSync = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]!.partitions.map(({ isr }) => isr.length)
    }
    await expect.poll(inSync, { timeout: 60_000 }).toEqual([3, 3, 3])
    await cluster.nodes[0]!.kill()
    const producer = client.producer()
    await producer.connect()
    const messages = [0, 1, 2].map((partition) => ({ partition, value: `${partition}` }))
    await producer.send({ topic, acks: -1, messages })
    await expect.poll(inSync, { timeout: 60_000 }).toEqual([2, 2, 2])
    await cluster.nodes[0]!.restart()
    await expect.poll(inSync, { timeout: 60_000 }).toEqual([3, 3, 3])
    await Promise.all([producer.disconnect(), admin.disconnect()])
  })
})

describe('toxiproxy', () => {
  test('refuses, hangs, resets, is slow and cuts, and is whole again after each', async () => {
    const answer = 'x'.repeat(2_000)
    let asked = 0
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => {
        asked += 1
        socket.write(answer)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const toxiproxy = await running(startToxiproxy())
    const upstream = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const { port, fail, heal } = await toxiproxy.proxy({ name: 'tcp', upstream })
    const ask = () => exchange({ port, request: 'please', enough: answer.length })
    const expected: Record<WireFault, object> = {
      refuse: { end: 'refused', bytes: 0 },
      hang: { end: 'open', bytes: 0 },
      reset: { end: 'reset', bytes: 0 },
      slow: { end: 'open', bytes: answer.length },
      cut: { end: 'closed', bytes: 300 },
    }
    for (const fault of wireFaults) {
      expect(await ask()).toMatchObject({ end: 'open', bytes: answer.length })
      const before = asked
      await fail(fault)
      const seen = await ask()
      expect(seen).toMatchObject(expected[fault])
      if (fault === 'slow') expect(seen.firstMs).toBeGreaterThan(300)
      expect(asked - before, 'requests that arrived').toBe(fault === 'refuse' ? 0 : 1)
      await heal()
    }
    expect(await ask()).toMatchObject({ end: 'open', bytes: answer.length })
    server.close()
  })
})

describe('a process that starts a server', () => {
  test('takes the server and its directory with it when it is killed', async () => {
    const script = `import { startRedis } from './redis.ts'
      const { directory, url } = await startRedis()
      console.log(JSON.stringify({ directory, url }))
      setInterval(() => {}, 1000)`
    const args = ['--input-type=module', '--eval', script]
    const runner = spawn(process.execPath, args, {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(runner.stdout, 'data')
    const { directory, url } = JSON.parse(String(line)) as { directory: string; url: string }
    expect(existsSync(directory)).toBe(true)
    runner.kill('SIGKILL')
    await expect.poll(() => existsSync(directory)).toBe(false)
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => {})
    await expect(client.connect()).rejects.toThrow()
  })
})

describe('gcs', () => {
  test('generation preconditions hold on write, update, copy and delete', async () => {
    const storage = new Storage({ apiEndpoint: inject('gcsEndpoint')!, projectId: 'test' })
    const [bucket] = await storage.createBucket('preconditions')
    const file = bucket.file('bronze/date=2026-01-01/é part.parquet')
    const save = (body: string, generation: number) =>
      file.save(body, { resumable: false, preconditionOpts: { ifGenerationMatch: generation } })
    const generation = async () => Number((await file.getMetadata())[0].generation)
    const refused = { code: 412 }

    await save('one', 0)
    await expect(save('two', 0)).rejects.toMatchObject(refused)
    const first = await generation()
    await save('two', first)
    await expect(save('three', first)).rejects.toMatchObject(refused)
    expect(String((await file.download())[0])).toBe('two')
    expect(await generation()).not.toBe(first)

    await expect(file.delete({ ifGenerationMatch: first })).rejects.toMatchObject(refused)
    await expect(
      file.setMetadata({ metadata: { a: 'b' } }, { ifGenerationMatch: first }),
    ).rejects.toMatchObject(refused)
    const absent = { preconditionOpts: { ifGenerationMatch: 0 } }
    await file.copy(bucket.file('copy'), absent)
    await expect(file.copy(bucket.file('copy'), absent)).rejects.toMatchObject(refused)
    await file.delete({ ifGenerationMatch: await generation() })
    expect(await file.exists()).toEqual([false])
    await expect(file.delete({ ifGenerationMatch: first })).rejects.toMatchObject({ code: 404 })
  })

  test('of many writers that create one object, one succeeds', async () => {
    const storage = new Storage({ apiEndpoint: inject('gcsEndpoint')!, projectId: 'test' })
    const [bucket] = await storage.createBucket('race')
    const preconditionOpts = { ifGenerationMatch: 0 }
    const writes = Array.from({ length: 10 }, (_, writer) =>
      bucket.file('lease').save(`${writer}`, { resumable: false, preconditionOpts }),
    )
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('a durable one keeps objects over a kill and a restart on the same port', async () => {
    const gcs = await running(startGcs({ durable: true }))
    const storage = new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' })
    const [bucket] = await storage.createBucket('kept')
    await bucket.file('a/b').save('body', { resumable: false })
    await gcs.kill()
    await gcs.restart()
    expect(String((await bucket.file('a/b').download())[0])).toBe('body')
  })
})
